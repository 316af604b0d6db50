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
        forEachField(date: date) { field, value in
            if hasTrailers, field == .contentLength { return }
            block.append(field.name, copying: value)
        }
    }
}
