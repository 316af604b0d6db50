import Glibc
import Primitives
import Serving
import Testing

/// A folder tree under /tmp; removed at the end. Paths that end in `/` are folders.
private func withTree<R>(_ paths: [String], _ body: (String) throws -> R) throws -> R {
    let root = "/tmp/martlet-tree-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    mkdir(root, 0o755)
    var made: [String] = []
    for path in paths {
        var folder = root
        let parts = path.split(separator: "/")
        for part in path.hasSuffix("/") ? parts[...] : parts.dropLast() {
            folder += "/\(part)"
            if mkdir(folder, 0o755) == 0 { made.append(folder) }
        }
        if !path.hasSuffix("/") {
            let file = "\(root)/\(path)"
            fclose(try #require(fopen(file, "w")))
            made.append(file)
        }
    }
    defer {
        for path in made.reversed() { remove(path) }
        remove(root)
    }
    return try body(root)
}

private let formats = [ModelFormat(name: "test", fileName: "model.onnx", Doubler.self)]

@Test func modelsAreFoundWithTheirVersionsInOrder() throws {
    let paths = [
        "iris/1/model.onnx", "iris/10/model.onnx", "iris/2/model.onnx", "iris/model.json",
        "iris/notes/x.txt", "iris/03/model.onnx", "empty/", "other/1/weights.bin", "README.md",
        ".hidden/1/model.onnx",
    ]
    try withTree(paths) { root in
        let found = try ModelsFolder(path: root, formats: formats).scan()
        #expect(found.map(\.name) == ["iris"])
        #expect(found[0].versions.map(\.version) == ["1", "2", "10"])
        #expect(found[0].configurationPath == "\(root)/iris/model.json")
    }
}

@Test func oneModelsFolderAndOneFileAreTakenToo() throws {
    try withTree(["iris/1/model.onnx", "wine.onnx"]) { root in
        let folder = try ModelsFolder(path: "\(root)/iris", formats: formats).scan()
        #expect(folder.map(\.name) == ["iris"])
        let file = try ModelsFolder(path: "\(root)/wine.onnx", formats: formats).scan()
        #expect(file.map(\.name) == ["wine"])
        #expect(file[0].versions[0].path == "\(root)/wine.onnx")
    }
}

@Test func aFileIsFoundByItsContentWhereNoneHasAName() throws {
    let formats =
        formats + [
            ModelFormat(name: "text", fileName: "model.txt", Doubler.self) { $0 == .lightGBMText }
        ]
    try withTree(["a/1/notes.md", "a/1/strange", "a/model.json", "b/1/notes.md"]) { root in
        let file = try #require(fopen("\(root)/a/1/strange", "w"))
        fputs("tree\nversion=v4\n", file)
        fclose(file)
        let found = try ModelsFolder(path: root, formats: formats).scan()
        #expect(found.map(\.name) == ["a"])
        #expect(found[0].versions[0].path == "\(root)/a/1/strange")
        #expect(found[0].versions[0].format == "text")
        #expect(
            ModelsFolder(path: "\(root)/a/1", formats: formats).modelFile()
                == "\(root)/a/1/strange")
        let single = try ModelsFolder(path: "\(root)/a/1/strange", formats: formats).scan()
        #expect(single[0].versions[0].format == "text")
    }
}

@Test func aMissingFolderIsAnError() {
    #expect(throws: SystemError.self) {
        try ModelsFolder(path: "/nowhere/at/all", formats: formats).scan()
    }
}

@Test func namesAreThoseThatFitAURL() {
    for name in ["iris", "a.b_c-d", "3"] { #expect(ModelsFolder.isName(name)) }
    for name in ["", ".x", "a b", "a/b", "ä", "a%20"] { #expect(!ModelsFolder.isName(name)) }
}

@Test func uploadsComeInOneStepAndLeftoversAreCleaned() throws {
    try withTree(["iris/1/model.onnx"]) { root in
        let folder = ModelsFolder(path: root, formats: formats)
        let upload = try folder.makeUploadFolder()
        do {
            var writer = try FileWriter(path: "\(upload)/model.onnx")
            try writer.append(Array("x".utf8).span)
            // Somebody is still at it.
            #expect(folder.clean() == 0)
            #expect(try folder.scan().map(\.name) == ["iris"])
        }
        try folder.install(upload, as: "2", of: "iris")
        #expect(try folder.scan()[0].versions.map(\.version) == ["1", "2"])
        let second = try folder.makeUploadFolder()
        #expect(throws: SystemError.self) { try folder.install(second, as: "2", of: "iris") }
        #expect(folder.clean() == 1)
        try folder.install(try folder.makeUploadFolder(), as: "1", of: "fresh")
        let found = try folder.scan()
        #expect(found.map(\.name) == ["iris"])
        try folder.remove(found[0].versions[1], of: "iris")
        #expect(try folder.scan()[0].versions.map(\.version) == ["1"])
        #expect(try FileSystem.names(in: root) == ["fresh", "iris"])
        try FileSystem.removeTree("\(root)/fresh")
    }
}

@Test func aVersionOfSeveralFilesHasOneDigest() throws {
    try withTree(["a/1/model.onnx", "b/1/model.onnx", "b/1/model.data", "b/1/x.tmp"]) { root in
        let folder = ModelsFolder(path: root, formats: formats)
        let found = try folder.scan()
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        #expect(try folder.digest(of: found[0].versions[0]).description == empty)
        let lines = "\(empty)  model.data\n\(empty)  model.onnx\n"
        #expect(
            try folder.digest(of: found[1].versions[0]) == SHA256.digest(Array(lines.utf8).span))
        #expect(found[1].versions[0].stamps.count == 2)
        #expect(folder.stamps(of: found[1].versions[0]) == found[1].versions[0].stamps)
    }
}
