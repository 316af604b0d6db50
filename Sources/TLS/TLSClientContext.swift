import COpenSSL
import Primitives

/// What a client chooses about TLS.
public struct TLSClientConfiguration: Sendable {
    /// Authorities to trust, in PEM form; nil: those of the system.
    public var authorityPath: String?
    /// Whether the server's certificate is checked, and the name it is for.
    public var verifiesServer = true
    /// A certificate of the client's own with its key, in PEM form, for servers that ask for one.
    public var certificatePath: String?
    public var keyPath: String?
    /// The one protocol offered by ALPN (RFC 7301).
    public var applicationProtocol = TLSApplicationProtocol.http1

    public init() {}
}

/// What all sessions of a client share. Immutable once made; any number of threads may start
/// sessions with it.
///
/// SAFETY: OpenSSL counts references to an SSL_CTX and locks its session cache; nothing else of it
/// changes after `init`.
public final class TLSClientContext: @unchecked Sendable {
    let pointer: OpaquePointer
    let verifiesServer: Bool

    /// Reads the files of `configuration`. The error names the file and what OpenSSL said of it.
    public init(
        _ configuration: TLSClientConfiguration, limits: Limits = .standard
    ) throws(TLSError) {
        ERR_clear_error()
        guard let pointer = SSL_CTX_new(TLS_client_method()) else {
            throw TLSError.withCause("OpenSSL makes no context")
        }
        do throws(TLSError) {
            try Self.setRules(of: pointer, configuration)
            try Self.setTrust(of: pointer, configuration, limits)
            try Self.setIdentity(of: pointer, configuration, limits)
        } catch {
            SSL_CTX_free(pointer)
            throw error
        }
        ERR_clear_error()
        self.pointer = pointer
        verifiesServer = configuration.verifiesServer
    }

    deinit { SSL_CTX_free(pointer) }

    private static func setRules(
        of context: OpaquePointer, _ configuration: TLSClientConfiguration
    ) throws(TLSError) {
        martlet_SSL_CTX_set_mode(
            context,
            Int(SSL_MODE_RELEASE_BUFFERS) | Int(SSL_MODE_ENABLE_PARTIAL_WRITE)
                | Int(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
        let list: [UInt8] =
            switch configuration.applicationProtocol {
            case .http1: [8] + Array("http/1.1".utf8)
            case .http2: [2] + Array("h2".utf8)
            }
        guard martlet_SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1,
            // This call alone says 0 for success.
            SSL_CTX_set_alpn_protos(context, list, UInt32(list.count)) == 0
        else { throw TLSError.withCause("this OpenSSL lacks TLS 1.2 or ALPN") }
    }

    private static func setTrust(
        of context: OpaquePointer, _ configuration: TLSClientConfiguration, _ limits: Limits
    ) throws(TLSError) {
        guard configuration.verifiesServer else {
            SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
            return
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        guard let path = configuration.authorityPath else {
            guard SSL_CTX_set_default_verify_paths(context) == 1 else {
                throw TLSError.withCause("the system's authorities cannot be read")
            }
            return
        }
        let store = SSL_CTX_get_cert_store(context)
        try PEMFile(path: path, limits).forEachCertificate { (certificate) throws(TLSError) in
            defer { X509_free(certificate) }
            guard X509_STORE_add_cert(store, certificate) == 1 else {
                throw TLSError.withCause(path: path, "an authority cannot be used")
            }
        }
    }

    private static func setIdentity(
        of context: OpaquePointer, _ configuration: TLSClientConfiguration, _ limits: Limits
    ) throws(TLSError) {
        guard let path = configuration.certificatePath, let keyPath = configuration.keyPath else {
            return
        }
        var count = 0
        try PEMFile(path: path, limits).forEachCertificate { (certificate) throws(TLSError) in
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
        let key = try PEMFile(path: keyPath, limits).privateKey()
        defer { EVP_PKEY_free(key) }
        ERR_clear_error()
        guard SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_check_private_key(context) == 1
        else {
            throw TLSError.withCause(
                path: keyPath, "the key does not fit the certificate \(path)")
        }
    }
}

extension TLSSession {
    /// The client's end. The server's certificate must be for `serverName`, a host's name or an IP
    /// address without brackets, unless the context does not verify it.
    public convenience init(
        client context: TLSClientContext, serverName: String, limits: Limits = .standard
    ) {
        self.init(of: context.pointer, keeping: context, limits)
        SSL_set_connect_state(ssl)
        // RFC 6066 section 3: an address is no server name.
        let parameters = SSL_get0_param(ssl)
        guard X509_VERIFY_PARAM_set1_ip_asc(parameters, serverName) != 1 else { return }
        ERR_clear_error()
        martlet_SSL_set_tlsext_host_name(ssl, serverName)
        if context.verifiesServer { SSL_set1_host(ssl, serverName) }
    }
}
