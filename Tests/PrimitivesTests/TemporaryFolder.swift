import Glibc
import Primitives

/// A folder under /tmp for one test, removed at its end with all that is in it.
func withFolder<R>(_ body: (String) throws -> R) throws -> R {
    let path = "/tmp/martlet-test-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    try FileSystem.createFolder(path)
    defer { try? FileSystem.removeTree(path) }
    return try body(path)
}

func writeText(_ text: String, to path: String) throws {
    var buffer = ByteBuffer()
    buffer.append(text)
    try FileSystem.write(buffer, to: path)
}
