import Primitives

extension ResponseHead {
    /// Appends the head as a field list (RFC 9113 section 8.3.2). `Connection` and its like do not
    /// exist in HTTP/2 (section 8.2.2). Does not allocate.
    ///
    /// An answer with trailers leaves its length to the END_STREAM flag, as gRPC wants it.
    func append(to block: HTTP2FieldBlock, date: HTTPDate, hasTrailers: Bool) {
        if status == 200 {
            block.append(":status", "200")
        } else {
            block.append(":status", decimal: status)
        }
        block.append("content-type", contentType)
        // RFC 9110 section 8.6: a 204 has no length.
        if !hasTrailers, status != 204 {
            block.append("content-length", decimal: contentLength)
        }
        block.append("date", copying: date.bytes)
        if let allow { block.append("allow", allow) }
        if let retryAfterSeconds { block.append("retry-after", decimal: retryAfterSeconds) }
    }
}
