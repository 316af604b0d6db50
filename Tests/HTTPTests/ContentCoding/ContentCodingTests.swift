import HTTP
import Primitives
import Testing

private func coding(_ value: String) -> Result<ContentCoding, ContentCodingRefusal> {
    let bytes = Array(value.utf8)
    do throws(ContentCodingRefusal) {
        return .success(try ContentCoding(contentEncoding: 0..<bytes.count, in: bytes.span))
    } catch {
        return .failure(error)
    }
}

private func negotiated(_ value: String) -> ContentCoding {
    let bytes = Array(value.utf8)
    return ContentCoding.negotiated(acceptEncoding: 0..<bytes.count, in: bytes.span)
}

@Test(arguments: [
    ("", ContentCoding.identity), ("identity", .identity), (" , ", .identity), ("gzip", .gzip),
    ("GZip", .gzip), ("x-gzip", .gzip), ("X-GZIP ,", .gzip), ("deflate", .deflate),
    ("\tDEFLATE ", .deflate),
])
func codingsAreReadWithoutCase(value: String, expected: ContentCoding) {
    #expect(coding(value) == .success(expected))
}

@Test(arguments: [
    ("br", ContentCodingRefusal.unknownCoding), ("gzip2", .unknownCoding), ("zip", .unknownCoding),
    ("gzip;q=1", .unknownCoding), ("*", .unknownCoding), ("gzip, gzip", .severalCodings),
    ("identity, gzip", .severalCodings), ("gzip,,deflate", .severalCodings),
])
func otherCodingsAreUnsupportedMediaTypes(value: String, expected: ContentCodingRefusal) {
    #expect(coding(value) == .failure(expected))
    #expect(expected.status == 415)
}

@Test(arguments: [
    ("gzip", ContentCoding.gzip), ("x-gzip", .gzip), ("GZIP", .gzip), ("*", .gzip),
    ("gzip, deflate, br, zstd", .gzip), ("br;q=1.0, gzip;q=0.8, *;q=0.1", .gzip),
    ("gzip;q=0.001", .gzip), ("gzip ; q=1.000", .gzip), ("gzip;\tQ=0.5", .gzip), ("*;q=0.5", .gzip),
    ("identity;q=0.5, gzip;q=0.5", .gzip), ("gzip;q=0, gzip;q=1", .identity),
    ("", .identity), ("deflate", .identity), ("br", .identity), ("gzip;q=0", .identity),
    ("gzip;q=0.000", .identity), ("*;q=0", .identity), ("*;q=1, gzip;q=0", .identity),
    ("identity;q=1, gzip;q=0.5", .identity), ("identity, gzip;q=0.9", .identity),
    ("identity;q=0, gzip;q=0", .identity), ("gzip;q=2", .identity), ("gzip;q=1.001", .identity),
    ("gzip;q=0.0001", .identity), ("gzip;q=", .identity), ("gzip;q=.5", .identity),
    ("gzip;q=-1", .identity), ("gzip;level=9", .identity), ("gzip;", .identity), ("gzi", .identity),
])
func answersAreCodedAsTheWeightsSay(value: String, expected: ContentCoding) {
    #expect(negotiated(value) == expected)
}

@Test func answersWithoutAcceptEncodingAreNotCoded() {
    #expect(ContentCoding.negotiated(acceptEncoding: nil, in: Span()) == .identity)
}

@Test func repeatedFieldsNeverWiden() {
    let text = """
        POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r
        Accept-Encoding: gzip\r\nAccept-Encoding: gzip;q=0\r\nAccept-Encoding: gzip\r
        Authorization: Bearer a\r\nAuthorization: Bearer b\r\nOrigin: http://a\r
        Origin: http://b\r\nContent-Length: 0\r\n\r\n
        """
    var buffer = ByteBuffer()
    buffer.append(text)
    var session = HTTP1Session(limits: Limits())
    var head = RequestHead()
    let step = session.next(&buffer, head: &head)
    guard case .request = step else {
        Issue.record("\(step)")
        return
    }
    let refused: ContentCodingRefusal?
    do throws(ContentCodingRefusal) {
        _ = try ContentCoding(of: head, in: buffer.span)
        refused = nil
    } catch {
        refused = error
    }
    #expect(refused == .severalCodings)
    #expect(head.acceptEncoding?.isEmpty == true)
    #expect(head.authorization?.isEmpty == true)
    #expect(head.origin?.isEmpty == true)
}
