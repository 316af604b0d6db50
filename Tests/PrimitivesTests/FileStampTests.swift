import Glibc
import Primitives
import Testing

@Test func stampsTellStatesOfAFileApart() throws {
    let path = "/tmp/martlet-stamp-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    defer { unlink(path) }
    #expect(FileStamp(path: path) == nil)
    var buffer = ByteBuffer()
    buffer.append("one")
    try FileSystem.write(buffer, to: path)
    let first = try #require(FileStamp(path: path))
    #expect(FileStamp(path: path) == first)
    buffer.append("two")
    try FileSystem.write(buffer, to: path)
    let second = try #require(FileStamp(path: path))
    #expect(second != first)
    // Another file of the same size in its place, as an editor or `kubectl` puts it.
    let other = path + ".new"
    try FileSystem.write(buffer, to: other)
    #expect(rename(other, path) == 0)
    #expect(FileStamp(path: path) != second)
}

@Test func permissionsOfOthersAreSeen() throws {
    let path = "/tmp/martlet-mode-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    defer { unlink(path) }
    #expect(FileSystem.permissionsOfOthers(at: path) == nil)
    var buffer = ByteBuffer()
    buffer.append("x")
    try FileSystem.write(buffer, to: path)
    for mode: mode_t in [0o600, 0o640, 0o604, 0o400, 0o666] {
        #expect(chmod(path, mode) == 0)
        #expect(FileSystem.permissionsOfOthers(at: path) == mode & 0o077)
    }
}
