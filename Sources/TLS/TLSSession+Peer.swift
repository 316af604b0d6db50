import COpenSSL

/// What the handshake came to. All of it is meaningful only once it is complete.
extension TLSSession {
    /// What the client chose by ALPN.
    public var negotiatedProtocol: TLSApplicationProtocol {
        var name: UnsafePointer<UInt8>?
        var byteCount: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &byteCount)
        return byteCount == 2 ? .http2 : .http1
    }

    public var version: TLSVersion {
        SSL_version(ssl) == TLS1_3_VERSION ? .tls13 : .tls12
    }

    /// OpenSSL's name of the cipher.
    public var cipher: String { String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher(ssl))) }

    /// Whether the client came back with a ticket or a session id.
    public var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// The subject of the client's certificate in the form of RFC 2253 (`CN=robot,O=Example`); nil
    /// when there is none that was verified. Costs a decoding: ask once a connection.
    public var clientSubject: String? {
        guard isHandshakeComplete, SSL_get_verify_result(ssl) == X509_V_OK,
            SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER != 0,
            let certificate = SSL_get0_peer_certificate(ssl), let text = BIO_new(BIO_s_mem())
        else { return nil }
        defer { BIO_free(text) }
        let name = X509_get_subject_name(certificate)
        guard X509_NAME_print_ex(text, name, 0, martlet_XN_FLAG_RFC2253) >= 0 else { return nil }
        var start: UnsafeMutablePointer<CChar>?
        let byteCount = martlet_BIO_get_mem_data(text, &start)
        guard let start, byteCount > 0 else { return nil }
        return String(
            decoding: UnsafeRawBufferPointer(start: start, count: byteCount), as: UTF8.self)
    }
}
