import COpenSSL
import Primitives

/// A file of certificates or of a private key, read once, so that a replacement half-way does not
/// mix two states.
struct PEMFile {
    let path: String
    let bytes: [UInt8]

    init(path: String, _ limits: Limits) throws(TLSError) {
        self.path = path
        do throws(SystemError) {
            bytes = try FileSystem.contents(of: path, byteCountMax: limits.tlsFileBytesMax)
        } catch {
            throw TLSError(path: path, error.reason)
        }
    }

    /// Hands over each certificate in order, of which there is at least one; `body` frees it.
    func forEachCertificate(
        _ body: (OpaquePointer) throws(TLSError) -> Void
    ) throws(TLSError) {
        let source = memory()
        defer { BIO_free(source) }
        var count = 0
        ERR_clear_error()
        while let certificate = PEM_read_bio_X509_AUX(source, nil, noPassphrase, nil) {
            count += 1
            try body(certificate)
            ERR_clear_error()
        }
        // The end of the file reads as "no start line"; anything else is a damaged certificate.
        guard count > 0 else {
            throw TLSError.withCause(path: path, "holds no certificate in PEM form")
        }
        guard ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE else {
            throw TLSError.withCause(path: path, "certificate \(count + 1) is damaged")
        }
        ERR_clear_error()
    }

    /// The private key, which the caller frees.
    func privateKey() throws(TLSError) -> OpaquePointer {
        let source = memory()
        defer { BIO_free(source) }
        ERR_clear_error()
        if let key = PEM_read_bio_PrivateKey(source, nil, noPassphrase, nil) { return key }
        if String(decoding: bytes, as: UTF8.self).contains("ENCRYPTED") {
            ERR_clear_error()
            throw TLSError(
                path: path, "the key has a passphrase; take it off with `openssl pkey`")
        }
        throw TLSError.withCause(path: path, "holds no private key in PEM form")
    }

    /// A BIO over a copy of the bytes (a few KB), so that it may outlive this call.
    private func memory() -> OpaquePointer? {
        let bio = BIO_new(BIO_s_mem())
        BIO_write(bio, bytes, Int32(bytes.count))
        return bio
    }
}

/// Without it, OpenSSL asks for the passphrase on the terminal, and a server hangs.
private func noPassphrase(
    _ target: UnsafeMutablePointer<CChar>?, _ byteCount: Int32, _ isForWriting: Int32,
    _ context: UnsafeMutableRawPointer?
) -> Int32 { -1 }
