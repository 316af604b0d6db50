import HTTPServer
import Testing

/// `route model=… version=… output=…`
private func route(_ path: String, _ query: String = "") -> String {
    let bytes = Array("\(path)?\(query)".utf8)
    let pathEnd = path.utf8.count
    let match = Router.match(bytes.span, path: 0..<pathEnd, query: pathEnd + 1..<bytes.count)
    var text = "\(match.route)"
    for (name, range) in [
        ("model", match.model), ("version", match.version), ("label", match.label),
        ("output", match.output), ("explain", match.explanation),
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
    ("/models/iris/versions/2", "version model=iris version=2"),
    ("/models/iris/versions/2/predict", "predict model=iris version=2"),
    ("/models/iris/labels/stable", "label model=iris label=stable"),
    ("/models/iris/labels/stable/predict", "predict model=iris label=stable"),
    ("/models/iris/load", "load model=iris"), ("/models/iris/unload/", "unload model=iris"),
    ("/models/iris/rollback", "rollback model=iris"), ("/models/iris/load/x", "unknown"),
    ("/models/iris/labels", "unknown"), ("/models/iris/labels/a/load", "unknown"),
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
    #expect(route("/predict", "explain=contributions") == "predict explain=contributions")
    // The path wins.
    #expect(route("/models/a/predict", "model=b") == "predict model=a")
}

@Test(arguments: [
    ("model=a&model=a", true), ("model=a&version=1&output=x", false), ("version=1&version=2", true),
    ("output=&output=", true), ("explain=a&explain=b", true), ("x=1&x=2&model=a", false),
    ("mod%65l=a&model=b", true),
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

@Test func flagsOfAQueryAreTrueOrNot() {
    func match(_ query: String) -> RouteMatch {
        let bytes = Array("/models?\(query)".utf8)
        return Router.match(bytes.span, path: 0..<7, query: 8..<bytes.count)
    }
    #expect(match("ready=true").isReadyOnly && !match("ready=false").isReadyOnly)
    #expect(!match("").isReadyOnly && !match("ready").isReadyOnly)
    #expect(match("a=b&load=true").loads && !match("load=1").loads)
    #expect(route("/predict", "label=stable&model=a") == "predict model=a label=stable")
}
