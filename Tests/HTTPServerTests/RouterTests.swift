import HTTPServer
import Testing

/// `route model=… version=… output=…`
private func route(_ path: String, _ query: String = "") -> String {
    let bytes = Array("\(path)?\(query)".utf8)
    let pathEnd = path.utf8.count
    let match = Router.match(bytes.span, path: 0..<pathEnd, query: pathEnd + 1..<bytes.count)
    var text = "\(match.route)"
    for (name, range) in [
        ("model", match.model), ("version", match.version), ("output", match.output),
    ] {
        if let range { text += " \(name)=\(String(decoding: bytes[range], as: UTF8.self))" }
    }
    return text
}

@Test(arguments: [
    ("/", "index"), ("/predict", "predict"), ("/predict/", "predict"), ("/healthz", "health"),
    ("/livez", "live"), ("/readyz", "ready"), ("/metrics", "metrics"), ("/models", "models"),
    ("/models/", "models"), ("/models/iris", "model model=iris"),
    ("/models/iris/predict", "predict model=iris"),
    ("/models/iris/versions/2", "model model=iris version=2"),
    ("/models/iris/versions/2/predict", "predict model=iris version=2"),
    ("/modelsx", "unknown"), ("/models/iris/x", "unknown"), ("/models/iris/versions", "unknown"),
    ("/models/iris/predict/x", "unknown"), ("/predict/x", "unknown"), ("//predict", "unknown"),
    ("/models//predict", "predict model="), ("/PREDICT", "unknown"), ("", "unknown"),
])
func pathsFindTheirRoute(path: String, expected: String) {
    #expect(route(path) == expected)
}

@Test func queriesNameModelVersionAndOutput() {
    #expect(
        route("/predict", "model=a&version=3&output=y") == "predict model=a version=3 output=y")
    #expect(route("/predict", "x=1&&model=a&model=b&flag") == "predict model=a")
    #expect(route("/predict", "mod%65l=a") == "predict model=a")
    // The path wins.
    #expect(route("/models/a/predict", "model=b") == "predict model=a")
}

@Test(arguments: [
    ("model=a&model=a", true), ("model=a&version=1&output=x", false), ("version=1&version=2", true),
    ("output=&output=", true), ("x=1&x=2&model=a", false), ("mod%65l=a&model=b", true),
    ("model&model=a", false), ("", false),
])
func keysOfOursThatComeTwiceAreNoticed(query: String, isRepeated: Bool) {
    for path in ["/predict", "/models/a/predict"] {
        let bytes = Array("\(path)?\(query)".utf8)
        let end = path.utf8.count
        let match = Router.match(bytes.span, path: 0..<end, query: end + 1..<bytes.count)
        #expect(match.hasRepeatedKey == isRepeated, "\(path)?\(query)")
    }
}

@Test func percentEncodingIsDecodedOrRefused() {
    func decoded(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        return Router.decoded(bytes.span, 0..<bytes.count).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
    #expect(decoded("breast%2Dcancer") == "breast-cancer")
    #expect(decoded("a%2") == nil)
    #expect(decoded("%zz") == nil)
    #expect(decoded("") == "")
}
