import Load
import Testing

@Test(arguments: [
    ("http://localhost:8080", "localhost", 8080, "", false),
    (
        "http://10.0.0.1/predict?model=x&version=2#part", "10.0.0.1", 80,
        "/predict?model=x&version=2", false
    ),
    ("HTTPS://example.org/", "example.org", 443, "/", true),
    ("https://[::1]:9000/a", "::1", 9000, "/a", true),
    ("localhost:81", "localhost", 81, "", false),
    ("http://h?model=x", "h", 80, "/?model=x", false),
])
func aURLSaysWhereRequestsGo(url: String, host: String, port: Int, path: String, isTLS: Bool) {
    let target = LoadTarget(parsing: url)
    #expect(target?.host == host && target?.port == UInt16(port))
    #expect(target?.path == path && target?.isTLS == isTLS)
}

@Test(arguments: [
    "", "ftp://host", "http://", "http://:80", "http://host:0", "http://host:65536",
    "http://host:x",
    "http://user@host", "http://[::1", "http://host/a b", "http://host/\r\nX: y", "http://ho st/",
])
func whatIsNoURLIsRefused(url: String) {
    #expect(LoadTarget(parsing: url) == nil)
}

@Test func theAuthorityLeavesTheUsualPortAway() {
    #expect(LoadTarget(parsing: "http://h:80")?.authority == "h")
    #expect(LoadTarget(parsing: "https://h:80")?.authority == "h:80")
    #expect(LoadTarget(parsing: "https://[::1]:443/x")?.authority == "[::1]")
    #expect(LoadTarget(parsing: "http://[::1]:81/x")?.url == "http://[::1]:81/x")
}
