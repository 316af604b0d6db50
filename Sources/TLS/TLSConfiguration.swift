/// What an operator chooses about TLS. Versions, ciphers and curves are not among it: they follow
/// Mozilla's "intermediate" profile (see `TLSContext`).
public struct TLSConfiguration: Sendable {
    /// Whether clients show a certificate of their own (mTLS).
    public enum ClientAuthentication: UInt8, Sendable {
        /// None is asked for.
        case none
        /// One is asked for; a client without one is served, a client with a bad one is not.
        case optional
        /// A client without a good one is not served.
        case required
    }

    /// The server's certificate and the intermediate ones behind it, in PEM form.
    public var certificatePath: String
    /// The certificate's private key in PEM form, without a passphrase.
    public var keyPath: String
    /// The authorities that sign client certificates, in PEM form. Needed unless
    /// `clientAuthentication` is `.none`.
    public var clientCAPath: String?
    public var clientAuthentication = ClientAuthentication.none
    /// Whether a client that comes back may skip the key exchange and the certificates (RFC 8446
    /// 2.2, RFC 5077).
    public var sessionResumption = true
    /// Whether `h2` is offered to clients that speak ALPN. `http/1.1` always is.
    public var offersHTTP2 = true

    public init(certificatePath: String, keyPath: String) {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
    }
}
