import COpenSSL
import Primitives

/// What all sessions of a server share: certificate, key, the rules of the handshake, ticket keys.
///
/// Immutable once made; any number of threads may start sessions with it. Making one reads the
/// files and costs about a millisecond.
///
/// SAFETY: OpenSSL counts references to an SSL_CTX and locks its session cache; nothing else of it
/// changes after `init`.
public final class TLSContext: @unchecked Sendable {
    let pointer: OpaquePointer
    let keys: TicketKeys

    /// Reads the files of `configuration`. The error names the file and what OpenSSL said of it.
    public convenience init(
        _ configuration: TLSConfiguration, limits: Limits = .standard
    ) throws(TLSError) {
        try self.init(configuration, limits: limits, keys: TicketKeys())
    }

    init(
        _ configuration: TLSConfiguration, limits: Limits, keys: TicketKeys
    ) throws(TLSError) {
        ERR_clear_error()
        guard let pointer = SSL_CTX_new(TLS_server_method()) else {
            throw TLSError.withCause("OpenSSL makes no context")
        }
        do throws(TLSError) {
            try Self.setRules(of: pointer, limits)
            try Self.setIdentity(of: pointer, configuration, limits)
            try Self.setClientAuthentication(of: pointer, configuration, limits)
            try Self.setResumption(of: pointer, configuration, limits, keys)
            Self.setApplicationProtocols(of: pointer, configuration)
        } catch {
            SSL_CTX_free(pointer)
            throw error
        }
        ERR_clear_error()
        self.pointer = pointer
        self.keys = keys
    }

    deinit { SSL_CTX_free(pointer) }

    /// Mozilla's "intermediate" profile (5.7) without its finite-field key exchange: forward secrecy
    /// and authenticated encryption only, as RFC 9113 9.2.2 asks of HTTP/2.
    private static let ciphers12 =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
        + "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
        + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    private static let ciphers13 =
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    private static let groups = "X25519:P-256:P-384"

    /// Versions, ciphers, curves, and what OpenSSL has that nobody should use.
    private static func setRules(
        of context: OpaquePointer, _ limits: Limits
    ) throws(TLSError) {
        // Our order, but a client that puts ChaCha20 first has no AES instructions: it gets that.
        SSL_CTX_set_options(
            context,
            martlet_SSL_OP_NO_COMPRESSION | martlet_SSL_OP_NO_RENEGOTIATION
                | martlet_SSL_OP_CIPHER_SERVER_PREFERENCE | martlet_SSL_OP_PRIORITIZE_CHACHA)
        // The record buffers of an idle connection (2 × 17 KiB) are given back. A write is retried
        // from wherever its bytes are by then.
        martlet_SSL_CTX_set_mode(
            context,
            Int(SSL_MODE_RELEASE_BUFFERS) | Int(SSL_MODE_ENABLE_PARTIAL_WRITE)
                | Int(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
        // 112 bits: RSA of 2048 and more, no SHA-1 signatures.
        SSL_CTX_set_security_level(context, 2)
        // Early data can be replayed (RFC 8446 8); a prediction may cost money.
        SSL_CTX_set_max_early_data(context, 0)
        SSL_CTX_set_recv_max_early_data(context, 0)
        martlet_SSL_CTX_set_max_cert_list(context, limits.tlsClientChainBytesMax)
        guard martlet_SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1,
            martlet_SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1,
            SSL_CTX_set_cipher_list(context, ciphers12) == 1,
            SSL_CTX_set_ciphersuites(context, ciphers13) == 1,
            martlet_SSL_CTX_set1_groups_list(context, groups) == 1
        else { throw TLSError.withCause("this OpenSSL lacks TLS 1.2 or 1.3, or their ciphers") }
    }

    /// The server's certificate, its chain and its key.
    private static func setIdentity(
        of context: OpaquePointer, _ configuration: TLSConfiguration, _ limits: Limits
    ) throws(TLSError) {
        let path = configuration.certificatePath
        let chain = try PEMFile(path: path, limits)
        var count = 0
        try chain.forEachCertificate { (certificate) throws(TLSError) in
            let taken =
                count == 0
                ? SSL_CTX_use_certificate(context, certificate)
                : martlet_SSL_CTX_add0_chain_cert(context, certificate)
            // The context holds the first by a reference of its own, the others by ours.
            if count == 0 || taken != 1 { X509_free(certificate) }
            guard taken == 1 else {
                throw TLSError.withCause(path: path, "certificate \(count + 1) cannot be used")
            }
            count += 1
        }
        let key = try PEMFile(path: configuration.keyPath, limits).privateKey()
        defer { EVP_PKEY_free(key) }
        ERR_clear_error()
        // Both say "no": of a key that does not belong to the certificate, and of one too weak.
        guard SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_check_private_key(context) == 1
        else {
            throw TLSError.withCause(
                path: configuration.keyPath, "the key does not fit the certificate \(path)")
        }
    }

    /// Tickets sealed with `keys`, and a cache for clients of TLS 1.2 without tickets.
    private static func setResumption(
        of context: OpaquePointer, _ configuration: TLSConfiguration, _ limits: Limits,
        _ keys: TicketKeys
    ) throws(TLSError) {
        guard configuration.sessionResumption else {
            SSL_CTX_set_options(context, martlet_SSL_OP_NO_TICKET)
            SSL_CTX_set_num_tickets(context, 0)
            martlet_SSL_CTX_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
            return
        }
        martlet_SSL_CTX_set_session_cache_mode(context, Int(SSL_SESS_CACHE_SERVER))
        martlet_SSL_CTX_sess_set_cache_size(context, limits.tlsSessionsMax)
        SSL_CTX_set_timeout(context, limits.tlsSessionSeconds)
        keys.install(in: context)
    }

    private static func setApplicationProtocols(
        of context: OpaquePointer, _ configuration: TLSConfiguration
    ) {
        if configuration.offersHTTP2 {
            SSL_CTX_set_alpn_select_cb(
                context,
                { _, out, size, offer, count, _ in
                    ALPN.select(from: offer, count, into: out, size, offersHTTP2: true)
                }, nil)
        } else {
            SSL_CTX_set_alpn_select_cb(
                context,
                { _, out, size, offer, count, _ in
                    ALPN.select(from: offer, count, into: out, size, offersHTTP2: false)
                }, nil)
        }
    }
}
