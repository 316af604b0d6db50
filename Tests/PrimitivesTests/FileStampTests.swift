import Glibc
import Primitives
import Testing

private func write(_ text: String, to path: String) {
    let file = fopen(path, "w")
    fputs(text, file)
    fclose(file)
}

@Test func aStampChangesWithTheFileBehindThePath() {
    let path = "/tmp/martlet-stamp-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    defer { for end in ["", "-a", "-b"] { unlink(path + end) } }
    write("one", to: path + "-a")
    write("two", to: path + "-b")
    symlink(path + "-a", path)
    let first = FileStamp(path: path)
    #expect(first != nil)
    #expect(FileStamp(path: path) == first)
    // The link points elsewhere, as when Kubernetes renews a secret.
    unlink(path)
    symlink(path + "-b", path)
    let second = FileStamp(path: path)
    #expect(second != first)
    write("longer", to: path + "-b")
    #expect(FileStamp(path: path) != second)
    unlink(path + "-b")
    #expect(FileStamp(path: path) == nil)
}
