import COpenSSL

/// Why a session ended before its time. A trivial value: it costs nothing until it is printed.
public enum TLSFailure: Error, Equatable, Sendable {
    /// The client offers TLS 1.1 or older only.
    case versionTooOld
    case noSharedCipher
    /// No elliptic curve or signature algorithm in common.
    case noSharedGroup
    case noApplicationProtocol
    case clientCertificateMissing
    case clientCertificateExpired
    /// Not signed by an authority of the client CA file.
    case clientCertificateUntrusted
    /// Any other fault of a client's certificate: OpenSSL's X509_V_ERR_… code.
    case clientCertificateInvalid(Int32)
    /// The server's certificate is not what a client of ours trusts: OpenSSL's X509_V_ERR_… code.
    case serverCertificateInvalid(Int32)
    /// A request in the clear on a port for TLS. There is no alert to drain: the client would not
    /// understand it.
    case plainHTTP
    /// The first bytes are no TLS record.
    case notTLS
    /// A record that was damaged or forged.
    case badRecord
    /// The connection ended without close_notify (RFC 8446 6.1): data may be missing.
    case truncated
    /// The peer sent a fatal alert (RFC 8446 6.2).
    case alert(UInt8)
    /// Any other breach of the protocol: OpenSSL's error code.
    case violation(UInt)

    /// A name of one or two words, for the label of a metric.
    public var label: StaticString {
        switch self {
        case .versionTooOld: "version"
        case .noSharedCipher: "no_shared_cipher"
        case .noSharedGroup: "no_shared_group"
        case .noApplicationProtocol: "alpn"
        case .clientCertificateMissing: "client_certificate_missing"
        case .clientCertificateExpired: "client_certificate_expired"
        case .clientCertificateUntrusted: "client_certificate_untrusted"
        case .clientCertificateInvalid: "client_certificate_invalid"
        case .serverCertificateInvalid: "server_certificate_invalid"
        case .plainHTTP: "plain_http"
        case .notTLS: "not_tls"
        case .badRecord: "bad_record"
        case .truncated: "truncated"
        case .alert: "alert"
        case .violation: "violation"
        }
    }

    /// The failure that OpenSSL's queue tells of, which is emptied. `verification` is the session's
    /// verify result.
    static func takeError(verification: Int, isServer: Bool) -> TLSFailure {
        // Ciphers and signatures report first what they choked on; numbers of reasons are those of
        // the library that says "SSL".
        var code = ERR_get_error()
        while code != 0, ERR_GET_LIB(code) != ERR_LIB_SSL {
            let next = ERR_get_error()
            if next == 0 { break }
            code = next
        }
        ERR_clear_error()
        guard ERR_GET_LIB(code) == ERR_LIB_SSL else { return .violation(code) }
        let reason = ERR_GET_REASON(code)
        switch reason {
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_UNKNOWN_PROTOCOL:
            return .versionTooOld
        case SSL_R_NO_SHARED_CIPHER: return .noSharedCipher
        case SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SUITABLE_GROUPS, SSL_R_NO_SHARED_GROUPS,
            SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
            return .noSharedGroup
        case SSL_R_NO_APPLICATION_PROTOCOL: return .noApplicationProtocol
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return .clientCertificateMissing
        case SSL_R_CERTIFICATE_VERIFY_FAILED:
            let code = Int32(verification)
            return isServer ? certificate(code) : .serverCertificateInvalid(code)
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: return .plainHTTP
        case SSL_R_WRONG_VERSION_NUMBER: return .notTLS
        case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, SSL_R_BAD_RECORD_TYPE: return .badRecord
        case SSL_R_UNEXPECTED_EOF_WHILE_READING: return .truncated
        case SSL_AD_REASON_OFFSET..<SSL_AD_REASON_OFFSET + 256:
            // A peer's alert is reported as its number on top of this offset.
            return .alert(UInt8(reason - SSL_AD_REASON_OFFSET))
        default: return .violation(code)
        }
    }

    private static func certificate(_ code: Int32) -> TLSFailure {
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED: .clientCertificateExpired
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_CERT_UNTRUSTED,
            X509_V_ERR_CERT_SIGNATURE_FAILURE:
            .clientCertificateUntrusted
        default: .clientCertificateInvalid(code)
        }
    }
}

extension TLSFailure: CustomStringConvertible {
    /// One phrase for a log line.
    public var description: String {
        switch self {
        case .versionTooOld: "peer did not offer TLS 1.2 or newer"
        case .noSharedCipher: "no shared cipher"
        case .noSharedGroup: "no shared group or signature algorithm"
        case .noApplicationProtocol: "peer offered neither h2 nor http/1.1"
        case .clientCertificateMissing: "client certificate required"
        case .clientCertificateExpired: "client certificate expired"
        case .clientCertificateUntrusted: "client certificate of an unknown authority"
        case .clientCertificateInvalid(let code):
            "client certificate refused: "
                + String(cString: X509_verify_cert_error_string(Int(code)))
        case .serverCertificateInvalid(let code):
            "server certificate refused: "
                + String(cString: X509_verify_cert_error_string(Int(code)))
        case .plainHTTP: "plain HTTP on a TLS port"
        case .notTLS: "no TLS on a TLS port"
        case .badRecord: "damaged record"
        case .truncated: "connection ended without close_notify"
        case .alert(let number):
            "peer sent alert: " + String(cString: SSL_alert_desc_string_long(Int32(number)))
        case .violation(let code):
            "protocol violation: "
                + (ERR_reason_error_string(code).map { String(cString: $0) }
                    ?? "OpenSSL's error \(code)")
        }
    }
}
