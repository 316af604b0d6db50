import HTTPServer
import Testing

private func contentType(_ text: String) -> PayloadFormat? {
    let bytes = Array(text.utf8)
    return PayloadFormat.of(contentType: bytes.span)
}

private func accepted(_ text: String) -> PayloadFormat? {
    let bytes = Array(text.utf8)
    return PayloadFormat.accepted(bytes.span)
}

@Test func contentTypesAreRecognised() {
    for text in [
        "", "application/json", "APPLICATION/JSON; charset=utf-8", "application/json;charset=UTF-8",
        "application/vnd.api+json", "application/problem+json ; a=b",
        "application/x-www-form-urlencoded",
    ] {
        #expect(contentType(text) == .json, "\(text)")
    }
    #expect(contentType("application/x-npy") == .npy)
    #expect(contentType("text/csv; header=present") == .csv)
    for text in [
        "text/plain", "application/+json", "application/xml", "json", "image/json+x", "text/html",
        "application/jsonx",
    ] {
        #expect(contentType(text) == nil, "\(text)")
    }
}

@Test func acceptedFormatsFollowQualityThenSpecificity() {
    for text in [
        "", "*/*", "application/*", "application/json", "text/html, */*;q=0.1",
        "text/csv;q=0.5, */*",
        "application/json;q=0.9, text/csv;q=0.8", "application/json, application/x-npy",
        "foo, application/json",
        "*/*, text/csv;q=0",
    ] {
        #expect(accepted(text) == .json, "\(text)")
    }
    for text in [
        "text/csv", "text/*", "text/csv, application/json;q=0.9",
        "application/json;q=0, text/csv;q=0.001",
        "*/*;q=0.5, text/csv;q=0.6", "text/csv;header=present;q=1.0",
    ] {
        #expect(accepted(text) == .csv, "\(text)")
    }
    for text in [
        "application/x-npy", "application/x-npy, */*;q=0.1",
        "application/json;q=0.2,application/*;q=0.3",
    ] {
        #expect(accepted(text) == .npy, "\(text)")
    }
    for text in [
        "text/html", "image/*", "application/json;q=0", "*/*;q=0", "application/json;q=x",
        "application/json;q=1.5",
        "text/html, application/xml;q=0.9",
    ] {
        #expect(accepted(text) == nil, "\(text)")
    }
}
