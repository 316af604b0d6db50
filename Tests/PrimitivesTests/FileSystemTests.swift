import Glibc
import Primitives
import Testing

@Test func filesAreReadUpToTheirLimit() throws {
    let path = "/tmp/martlet-file-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    let file = try #require(fopen(path, "w"))
    fputs("0123456789", file)
    fclose(file)
    defer { unlink(path) }
    #expect(try FileSystem.contents(of: path, byteCountMax: 10) == Array("0123456789".utf8))
    #expect(FileSystem.kind(of: path) == .file)
    do throws(SystemError) {
        _ = try FileSystem.contents(of: path, byteCountMax: 9)
        Issue.record("a file over the limit was read")
    } catch {
        #expect(error.code == EFBIG)
        #expect(error.description.contains(path))
    }
}

@Test func whatIsNotThereIsNamed() {
    #expect(FileSystem.kind(of: "/nowhere/at/all") == nil)
    do throws(SystemError) {
        _ = try FileSystem.names(in: "/nowhere/at/all")
        Issue.record("a missing folder has names")
    } catch {
        #expect(error.code == ENOENT)
        #expect(error.description.contains("/nowhere/at/all"))
    }
}

@Test func filesWithoutASizeAreReadToo() throws {
    let bytes = try FileSystem.contents(of: "/proc/self/status", byteCountMax: 1 << 20)
    #expect(String(decoding: bytes, as: UTF8.self).contains("Threads:"))
}

@Test func aTreeIsRemovedWithoutFollowingLinks() throws {
    try withFolder { folder in
        try FileSystem.createFolder("\(folder)/a/b/c")
        try writeText("x", to: "\(folder)/a/b/file")
        try FileSystem.createFolder("\(folder)/kept")
        try writeText("x", to: "\(folder)/kept/file")
        #expect(symlink("\(folder)/kept", "\(folder)/a/link") == 0)
        #expect(throws: SystemError.self) { try FileSystem.removeTree("\(folder)/a", depthMax: 2) }
        try FileSystem.removeTree("\(folder)/a")
        #expect(FileSystem.kind(of: "\(folder)/a") == nil)
        #expect(FileSystem.kind(of: "\(folder)/kept/file") == .file)
        try FileSystem.removeTree("\(folder)/a")
    }
}

@Test func aFolderWithSomethingInItIsNotReplaced() throws {
    try withFolder { folder in
        try FileSystem.createFolder("\(folder)/new")
        try FileSystem.createFolder("\(folder)/old")
        try writeText("x", to: "\(folder)/old/file")
        #expect(throws: SystemError.self) {
            try FileSystem.rename("\(folder)/new", to: "\(folder)/old")
        }
        FileSystem.remove("\(folder)/old/file")
        try FileSystem.rename("\(folder)/new", to: "\(folder)/old")
        try FileSystem.synchronize(folder: folder)
        #expect(try FileSystem.names(in: folder) == ["old"])
    }
}
