import COpenSSL
import Glibc
import TLS

/// A folder for a test's files, removed with its last reference.
final class TestFolder {
    let path: String
    private var names: Set<String> = []

    init() {
        path = "/tmp/martlet-tls-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        mkdir(path, 0o700)
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    /// Writes a file beside its place and moves it there, as a certificate tool does: the inode
    /// changes however little time went by.
    @discardableResult func write(_ text: String, to name: String) -> String {
        names.insert(name)
        let file = fopen("\(path)/\(name).new", "w")
        fputs(text, file)
        fclose(file)
        rename("\(path)/\(name).new", "\(path)/\(name)")
        return "\(path)/\(name)"
    }
}

/// A key and a certificate for it, made on the spot (P-256).
final class TestIdentity {
    let key: OpaquePointer
    let certificate: OpaquePointer

    /// Signed by `issuer`, or by itself. `days` is how long from now on it is valid.
    init(_ name: String, issuer: TestIdentity? = nil, isAuthority: Bool = false, days: Int = 30) {
        key = Self.makeKey()
        certificate = X509_new()
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), Int.random(in: 1 ... .max))
        X509_gmtime_adj(X509_getm_notBefore(certificate), -60 * 86_400)
        X509_gmtime_adj(X509_getm_notAfter(certificate), days * 86_400)
        X509_set_pubkey(certificate, key)
        let subject = X509_get_subject_name(certificate)
        X509_NAME_add_entry_by_txt(subject, "O", Int32(MBSTRING_UTF8), "Martlet", -1, -1, 0)
        X509_NAME_add_entry_by_txt(subject, "CN", Int32(MBSTRING_UTF8), name, -1, -1, 0)
        let signer = issuer.map { X509_get_subject_name($0.certificate) } ?? subject
        X509_set_issuer_name(certificate, signer)
        let constraint = X509V3_EXT_conf_nid(
            nil, nil, NID_basic_constraints, isAuthority ? "critical,CA:TRUE" : "CA:FALSE")
        X509_add_ext(certificate, constraint, -1)
        X509_EXTENSION_free(constraint)
        precondition(X509_sign(certificate, issuer?.key ?? key, EVP_sha256()) > 0, "it is signed")
    }

    deinit {
        X509_free(certificate)
        EVP_PKEY_free(key)
    }

    private static func makeKey() -> OpaquePointer {
        let maker = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil)
        defer { EVP_PKEY_CTX_free(maker) }
        var key: OpaquePointer?
        EVP_PKEY_keygen_init(maker)
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(maker, NID_X9_62_prime256v1)
        EVP_PKEY_keygen(maker, &key)
        return key!
    }

    var certificateText: String { text { PEM_write_bio_X509($0, certificate) } }
    var keyText: String { text { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) } }
    var encryptedKeyText: String {
        text { PEM_write_bio_PKCS8PrivateKey($0, key, EVP_aes_128_cbc(), "secret", 6, nil, nil) }
    }

    private func text(_ write: (OpaquePointer?) -> Int32) -> String {
        let bio = BIO_new(BIO_s_mem())
        defer { BIO_free(bio) }
        precondition(write(bio) == 1, "it is written")
        var start: UnsafeMutablePointer<CChar>?
        let byteCount = martlet_BIO_get_mem_data(bio, &start)
        return String(
            decoding: UnsafeRawBufferPointer(start: start, count: byteCount), as: UTF8.self)
    }
}

/// The files of a server: certificate, key, and an authority for clients.
final class TestServer {
    let folder = TestFolder()
    let authority = TestIdentity("Authority", isAuthority: true)
    var configuration: TLSConfiguration

    init(_ authentication: TLSConfiguration.ClientAuthentication = .none) {
        let identity = TestIdentity("server-1")
        configuration = TLSConfiguration(
            certificatePath: folder.write(identity.certificateText, to: "server.crt"),
            keyPath: folder.write(identity.keyText, to: "server.key"))
        configuration.clientCAPath = folder.write(authority.certificateText, to: "clients.crt")
        configuration.clientAuthentication = authentication
    }

    /// A context made from the files, which are there as long as this is.
    func context() throws(TLSError) -> TLSContext {
        defer { withExtendedLifetime(self) {} }
        return try TLSContext(configuration)
    }

    /// Replaces certificate and key.
    func renew(_ name: String) {
        let identity = TestIdentity(name)
        folder.write(identity.certificateText, to: "server.crt")
        folder.write(identity.keyText, to: "server.key")
    }
}
