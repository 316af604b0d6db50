import COpenSSL
import Primitives
import TLS

/// What a test's client offers.
struct ClientOffer {
    var oldest = TLS1_2_VERSION
    var newest = TLS1_3_VERSION
    /// Names of protocols; without any there is no ALPN.
    var protocols: [String] = []
    var identity: TestIdentity?
    /// The chain behind `identity`.
    var chain: [TestIdentity] = []
    var ciphers12 = "ALL:@SECLEVEL=0"
    var groups = "X25519:P-256"
    var takesTickets = true
    /// The one authority the client trusts; nil when it takes any certificate.
    var trusts: TestIdentity?

    static var tls12: ClientOffer { ClientOffer(newest: TLS1_2_VERSION) }
    static var tls13: ClientOffer { ClientOffer(oldest: TLS1_3_VERSION) }
    static var both: [ClientOffer] { [tls12, tls13] }
}

/// A TLS client of OpenSSL's over memory.
final class TestClient {
    private let context: OpaquePointer
    let ssl: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer
    /// All of the plaintext received.
    var received: [UInt8] = []
    var isClosedByPeer = false
    /// OpenSSL's reason for the first failure.
    var failure: Int32?

    init(_ offer: ClientOffer = ClientOffer(), resuming session: TestTicket? = nil) {
        context = SSL_CTX_new(TLS_client_method())
        SSL_CTX_set_security_level(context, 0)
        martlet_SSL_CTX_set_min_proto_version(context, offer.oldest)
        martlet_SSL_CTX_set_max_proto_version(context, offer.newest)
        SSL_CTX_set_cipher_list(context, offer.ciphers12)
        martlet_SSL_CTX_set1_groups_list(context, offer.groups)
        if !offer.takesTickets { SSL_CTX_set_options(context, martlet_SSL_OP_NO_TICKET) }
        if let identity = offer.identity {
            SSL_CTX_use_certificate(context, identity.certificate)
            SSL_CTX_use_PrivateKey(context, identity.key)
            for link in offer.chain {
                X509_up_ref(link.certificate)
                martlet_SSL_CTX_add0_chain_cert(context, link.certificate)
            }
        }
        if let trusted = offer.trusts {
            X509_STORE_add_cert(SSL_CTX_get_cert_store(context), trusted.certificate)
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        }
        ssl = SSL_new(context)
        input = BIO_new(BIO_s_mem())
        output = BIO_new(BIO_s_mem())
        SSL_set_bio(ssl, input, output)
        SSL_set_connect_state(ssl)
        var list: [UInt8] = []
        for name in offer.protocols { list += [UInt8(name.utf8.count)] + Array(name.utf8) }
        if !list.isEmpty { SSL_set_alpn_protos(ssl, list, UInt32(list.count)) }
        if let session { SSL_set_session(ssl, session.pointer) }
    }

    deinit {
        // Else its tickets are void.
        if failure == nil { SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN) }
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    /// Handshakes as far as possible, then reads all there is.
    func step() {
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while failure == nil, !isClosedByPeer {
            var count = 0
            ERR_clear_error()
            let status = SSL_read_ex(ssl, &chunk, chunk.count, &count)
            guard status != 1 else {
                received += chunk[..<count]
                continue
            }
            switch SSL_get_error(ssl, status) {
            case SSL_ERROR_WANT_READ: return
            case SSL_ERROR_ZERO_RETURN: isClosedByPeer = true
            default: failure = ERR_GET_REASON(ERR_peek_error())
            }
        }
    }

    func feed(_ bytes: [UInt8]) {
        if !bytes.isEmpty { BIO_write(input, bytes, Int32(bytes.count)) }
    }

    /// What the client wants to send.
    func takeOutput() -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        var all: [UInt8] = []
        while true {
            let got = BIO_read(output, &chunk, Int32(chunk.count))
            guard got > 0 else { return all }
            all += chunk[..<Int(got)]
        }
    }

    func write(_ bytes: [UInt8]) {
        var count = 0
        ERR_clear_error()
        precondition(SSL_write_ex(ssl, bytes, bytes.count, &count) == 1, "memory takes all")
        precondition(count == bytes.count, "memory takes all")
    }

    func close() { SSL_shutdown(ssl) }

    /// The common name the server's certificate is for.
    var serverName: String? {
        guard let certificate = SSL_get0_peer_certificate(ssl) else { return nil }
        var text = [CChar](repeating: 0, count: 64)
        X509_NAME_get_text_by_NID(
            X509_get_subject_name(certificate), NID_commonName, &text, Int32(text.count))
        return String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// What the next client resumes with.
    var ticket: TestTicket { TestTicket(SSL_get1_session(ssl)) }
}

/// A client's session, kept for resumption.
final class TestTicket {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { SSL_SESSION_free(pointer) }

    var earlyDataMax: UInt32 { SSL_SESSION_get_max_early_data(pointer) }
}
