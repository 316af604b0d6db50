import Primitives
import Testing

/// Which modules of ours a module may import (ARCHITECTURE.md, "The modules").
private let table: [String: Set<String>] = [
    "CLinux": [],
    "CNghttp2": [],
    "COpenSSL": [],
    "CVector": [],
    "CZlib": [],
    "Primitives": ["CLinux"],
    "Telemetry": ["Primitives"],
    "KernelsPortable": ["Primitives", "CVector"],
    "Kernels": ["Primitives", "KernelsPortable", "KernelsV3", "KernelsVNNI", "CLinux"],
    "ONNXProto": [],
    "IO": ["Primitives", "CLinux"],
    "TLS": ["Primitives", "COpenSSL"],
    "HTTP": ["Primitives", "CNghttp2", "CZlib"],
    "Load": ["Primitives", "IO", "TLS", "HTTP"],
    "GraphRuntime": ["Primitives", "Kernels"],
    "Models": ["Primitives", "Kernels", "GraphRuntime", "ONNXProto"],
    "Serving": ["Primitives", "Telemetry", "Models"],
    "HTTPServer": ["Primitives", "Telemetry", "IO", "TLS", "HTTP", "Models", "Serving"],
    "MartletCommand": [
        "Primitives", "Telemetry", "IO", "TLS", "HTTP", "Kernels", "GraphRuntime", "Models",
        "Serving", "HTTPServer", "Load",
    ],
    "martlet": ["MartletCommand"],
]

/// What is not ours and may be imported, and by whom (nil: by everybody).
private let outside: [String: Set<String>?] = [
    "Glibc": nil,
    "CNghttp2": ["HTTP"],
    "Synchronization": nil,
    "ArgumentParser": ["MartletCommand"],
    "Logging": ["Telemetry", "MartletCommand"],
    "CoreMetrics": ["Telemetry"],
    "SwiftProtobuf": ["Models", "ONNXProto"],
    "FoundationEssentials": ["Models", "ONNXProto"],
    // Written by protoc-gen-swift in the generated file, under a condition.
    "Foundation": ["ONNXProto"],
]

/// The islands where raw pointers may be named.
private let islands: Set<String> = [
    "CLinux", "Primitives", "IO", "TLS", "HTTP", "Kernels", "KernelsPortable", "KernelsV3",
    "KernelsVNNI", "ONNXProto",
]

/// The words of a line that are no comment.
private func code(_ line: Substring) -> Substring {
    guard let range = line.firstRange(of: "//") else { return line }
    return line[..<range.lowerBound]
}

@Test func importsObeyTheModuleTable() throws {
    let files = try SourceTree.files(in: "Sources", suffix: ".swift")
    #expect(files.count > 50)
    for file in files {
        let allowed = try #require(table[file.module], "\(file.path): a module without a row")
        for line in file.lines {
            let words = line.split(separator: " ").drop { $0.hasPrefix("@") || $0 == "public" }
            guard words.first == "import", let last = words.last else { continue }
            let name = String(last.split(separator: ".")[0])
            if table[name] != nil || ["KernelsV3", "KernelsVNNI"].contains(name) {
                #expect(allowed.contains(name), "\(file.path) imports \(name)")
            } else if let users = try #require(outside[name], "\(file.path) imports \(name)") {
                #expect(users.contains(file.module), "\(file.path) imports \(name)")
            }
        }
    }
}

@Test func pointersStayOnTheirIslands() throws {
    for file in try SourceTree.files(in: "Sources", suffix: ".swift")
    where !islands.contains(file.module) {
        for (number, line) in file.lines.enumerated() {
            let words = code(line)
            for forbidden in [
                "UnsafePointer", "UnsafeMutable", "UnsafeRaw", "UnsafeBuffer",
                "OpaquePointer", "withUnsafe", "Unmanaged",
            ] {
                #expect(!words.contains(forbidden), "\(file.path):\(number + 1) names \(forbidden)")
            }
        }
    }
}

@Test func protocolLayersHaveNoSocketClockOrThread() throws {
    let files =
        try SourceTree.files(in: "Sources/HTTP", suffix: ".swift")
        + SourceTree.files(in: "Sources/TLS", suffix: ".swift")
    for file in files {
        for line in file.lines {
            for forbidden in ["MonotonicClock", "WallClock", "Thread(", "socket(", "clock_gettime"]
            {
                #expect(!code(line).contains(forbidden), "\(file.path) uses \(forbidden)")
            }
        }
    }
}

@Test func requestPathUsesNoConcurrencyRuntime() throws {
    for file in try SourceTree.files(in: "Sources", suffix: ".swift")
    where file.module != "ONNXProto" {
        for (number, line) in file.lines.enumerated() {
            for forbidden in ["actor ", "Task {", "Task.detached", " async ", "await "] {
                #expect(
                    !code(line).hasPrefix(forbidden) && !code(line).contains(" \(forbidden)"),
                    "\(file.path):\(number + 1) uses \(forbidden)")
            }
        }
    }
}

@Test func noTypeSharesItsModulesName() throws {
    for file in try SourceTree.files(in: "Sources", suffix: ".swift") {
        for kind in ["struct", "class", "enum", "actor", "protocol", "typealias"] {
            for end in [" ", ":", "<"] {
                #expect(!file.text.contains("\(kind) \(file.module)\(end)"), "\(file.path)")
            }
        }
    }
}

@Test func uncheckedSendableIsExplainedAndListed() throws {
    let listed = try SourceTree.exempt("unchecked-sendable")
    var used: Set<String> = []
    for file in try SourceTree.files(in: "Sources", suffix: ".swift")
    where file.module != "ONNXProto" {
        let lines = file.lines
        for (number, line) in lines.enumerated()
        where code(line).contains("@unchecked Sendable") {
            used.insert(file.path)
            #expect(listed.contains(file.path), "\(file.path) is not in Tests/exempt.txt")
            let above = lines[max(0, number - 14)..<number].joined(separator: "\n")
            #expect(above.contains("SAFETY:"), "\(file.path):\(number + 1) has no SAFETY line")
        }
    }
    #expect(listed.isSubset(of: used), "no longer used: \(listed.subtracting(used))")
}

/// `Sources/M/…/X.swift` and `X+Aspect.swift` are tested by `Tests/MTests/…/XTests.swift`. An exemption names
/// a file, or a folder (with a slash at its end).
@Test func sourcesHaveTheirMirrorTest() throws {
    let exempt = try SourceTree.exempt("untested")
    let tests = Set(
        try SourceTree.files(in: "Tests", suffix: "Tests.swift").map { "\($0.module)/\($0.name)" })
    var used: Set<String> = []
    for file in try SourceTree.files(in: "Sources", suffix: ".swift")
    where file.module != "ONNXProto" && file.module != "martlet" {
        let stem = file.name.dropLast(6)
        let noun = stem.split(separator: "+").first ?? stem
        guard !tests.contains("\(file.module)Tests/\(stem)Tests.swift"),
            !tests.contains("\(file.module)Tests/\(noun)Tests.swift")
        else { continue }
        let entry = exempt.first { $0.hasSuffix("/") ? file.path.hasPrefix($0) : file.path == $0 }
        if let entry {
            used.insert(entry)
        } else {
            Issue.record("\(file.path) has no mirror test and no line in Tests/exempt.txt")
        }
    }
    #expect(exempt == used, "without need: \(exempt.subtracting(used).sorted())")
}

@Test func filesHoldOneScreenfulOfAnIdea() throws {
    let exempt = try SourceTree.exempt("long")
    for file in try SourceTree.files(in: "Sources", suffix: ".swift")
    where !exempt.contains(file.path) {
        #expect(file.lines.count <= 400, "\(file.path) has \(file.lines.count) lines")
        #expect(!file.text.contains("TO" + "DO"), "\(file.path)")
        #expect(!file.text.contains("FIX" + "ME"), "\(file.path)")
    }
}

@Test func documentsHaveNoDeadLinks() throws {
    for file in try SourceTree.files(in: "", suffix: ".md") {
        let folder = file.path.split(separator: "/").dropLast().joined(separator: "/")
        for piece in file.text.split(separator: "](").dropFirst() {
            guard let end = piece.firstIndex(of: ")") else { continue }
            // A heading of the same page.
            guard !piece.hasPrefix("#") else { continue }
            let target = piece[..<end].split(separator: "#").first ?? ""
            guard !target.isEmpty, !target.contains("://"), !target.contains(" ") else { continue }
            let path = target.hasPrefix("/") ? String(target.dropFirst()) : "\(folder)/\(target)"
            let full = "\(SourceTree.root)/\(path)"
            #expect(FileSystem.kind(of: full) != nil, "\(file.path) links to \(path)")
        }
    }
}
