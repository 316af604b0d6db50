import COpenSSL

/// Application-layer protocol negotiation (RFC 7301).
enum ALPN {
    typealias Text = UnsafePointer<UInt8>

    /// Picks by our preference: `h2`, then `http/1.1`.
    ///
    /// RFC 7301 3.2: without a protocol in common the handshake fails with
    /// `no_application_protocol`, since going on would let a client of another protocol talk to us
    /// (the ALPACA attack).
    static func select(
        from offer: Text?, _ offerBytes: UInt32, into chosen: UnsafeMutablePointer<Text?>?,
        _ chosenBytes: UnsafeMutablePointer<UInt8>?, offersHTTP2: Bool
    ) -> Int32 {
        let list = UnsafeBufferPointer(start: offer, count: Int(offerBytes))
        let match =
            (offersHTTP2 ? find("h2", in: list) : nil) ?? find("http/1.1", in: list)
        guard let match, let chosen, let chosenBytes else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        chosen.pointee = match.baseAddress
        chosenBytes.pointee = UInt8(match.count)
        return SSL_TLSEXT_ERR_OK
    }

    /// The entry of a list of names, each behind its length, that equals `name`.
    private static func find(
        _ name: StaticString, in list: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8>? {
        let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        var index = 0
        while index < list.count {
            let end = index + 1 + Int(list[index])
            guard end <= list.count else { return nil }
            let entry = UnsafeBufferPointer(rebasing: list[(index + 1)..<end])
            if entry.elementsEqual(wanted) { return entry }
            index = end
        }
        return nil
    }
}
