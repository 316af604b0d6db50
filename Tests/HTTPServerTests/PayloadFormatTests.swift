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

@Test func textIsUTF8OrNoneOfOurs() {
    for charset in [
        "utf-8", "UTF-8", "utf8", "us-ascii", "US-ASCII", "\"utf-8\"", "utf-8 ; x=y", "utf-8;",
    ] {
        #expect(contentType("application/json; charset=\(charset)") == .json, "\(charset)")
        #expect(contentType("text/csv;header=absent;Charset=\(charset)") == .csv, "\(charset)")
    }
    for charset in [
        "utf-16", "UTF-16LE", "iso-8859-1", "latin1", "", "\"utf-16\"", "\"utf-8", "utf-8x",
        "utf-8;charset=utf-16", "\"", "\"\"", "'utf-8'",
    ] {
        #expect(contentType("application/json; charset=\(charset)") == nil, "\(charset)")
        #expect(contentType("text/csv; charset=\(charset)") == nil, "\(charset)")
        #expect(contentType(";charset=\(charset)") == nil, "\(charset)")
    }
    // Bytes have no charset, and other parameters are not ours.
    #expect(contentType("application/x-npy; charset=utf-16") == .npy)
    #expect(contentType("application/json; xcharset=utf-16") == .json)
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
