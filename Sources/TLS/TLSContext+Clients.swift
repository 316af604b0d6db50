import COpenSSL
import Primitives

extension TLSContext {
    /// What is asked of clients, and whose signature is taken for it.
    static func setClientAuthentication(
        of context: OpaquePointer, _ configuration: TLSConfiguration, _ limits: Limits
    ) throws(TLSError) {
        var authorities: [UInt8] = []
        switch configuration.clientAuthentication {
        case .none: SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
        case .optional:
            authorities = try setAuthorities(of: context, configuration, limits)
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        case .required:
            authorities = try setAuthorities(of: context, configuration, limits)
            SSL_CTX_set_verify(
                context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        }
        try setSessionScope(of: context, configuration.clientAuthentication, authorities)
    }

    /// Trusts the certificates of the client CA file, and names them to clients. Returns the file.
    private static func setAuthorities(
        of context: OpaquePointer, _ configuration: TLSConfiguration, _ limits: Limits
    ) throws(TLSError) -> [UInt8] {
        guard let path = configuration.clientCAPath else {
            throw TLSError("client certificates are asked for, but there is no client CA file")
        }
        let file = try PEMFile(path: path, limits)
        let store = SSL_CTX_get_cert_store(context)
        try file.forEachCertificate { (certificate) throws(TLSError) in
            defer { X509_free(certificate) }
            guard X509_STORE_add_cert(store, certificate) == 1,
                SSL_CTX_add_client_CA(context, certificate) == 1
            else { throw TLSError.withCause(path: path, "an authority cannot be used") }
        }
        SSL_CTX_set_verify_depth(context, Int32(limits.tlsClientChainDepthMax))
        return file.bytes
    }

    /// A session is resumed without looking at the client's certificate again, so one that began
    /// under other authorities or other demands must not be: they are part of the scope a session is
    /// bound to. The server's own certificate is not, so that clients resume after its renewal.
    private static func setSessionScope(
        of context: OpaquePointer, _ authentication: TLSConfiguration.ClientAuthentication,
        _ authorities: [UInt8]
    ) throws(TLSError) {
        let material = [authentication.rawValue] + authorities
        var digest = [UInt8](repeating: 0, count: 32)
        let isDigested = EVP_Digest(material, material.count, &digest, nil, EVP_sha256(), nil)
        guard isDigested == 1, SSL_CTX_set_session_id_context(context, digest, 32) == 1 else {
            throw TLSError.withCause("this OpenSSL lacks SHA-256")
        }
    }
}
