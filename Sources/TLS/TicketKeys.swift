import COpenSSL
import Synchronization

/// The keys of session tickets (RFC 5077 4, RFC 8446 4.6.1): the newest seals, the others only open
/// what they sealed, so that a client that comes back after a reload still resumes.
///
/// All contexts of a server share them, so that a new key seals everywhere at once. Any thread may use
/// or rotate them; a handshake costs an uncontended lock.
final class TicketKeys: Sendable {
    struct Key: Sendable {
        let name: SIMD16<UInt8>
        let cipher: SIMD32<UInt8>
        let mac: SIMD32<UInt8>

        init() {
            name = random(SIMD16())
            cipher = random(SIMD32())
            mac = random(SIMD32())
        }
    }

    /// Newest first.
    private let keys = Mutex([Key()])
    /// A ticket outlives this many rotations, less one.
    private static let countMax = 3

    /// Puts a fresh key in front.
    func rotate() {
        let fresh = Key()
        keys.withLock { keys in
            keys.insert(fresh, at: 0)
            if keys.count > Self.countMax { keys.removeLast() }
        }
    }

    /// Makes a context seal and open its tickets with these keys, which must live as long as it.
    func install(in context: OpaquePointer) {
        martlet_SSL_CTX_set_app_data(context, Unmanaged.passUnretained(self).toOpaque())
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context) { ssl, name, iv, cipher, mac, isSealing in
            guard let owner = martlet_SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)),
                let name, let iv
            else { return -1 }
            let keys = Unmanaged<TicketKeys>.fromOpaque(owner).takeUnretainedValue()
            return isSealing == 1
                ? keys.seal(name, iv, cipher, mac) : keys.open(name, iv, cipher, mac)
        }
    }

    /// 1: sealed. -1: failed.
    private func seal(
        _ name: UnsafeMutablePointer<UInt8>, _ iv: UnsafeMutablePointer<UInt8>,
        _ cipher: OpaquePointer?, _ mac: OpaquePointer?
    ) -> Int32 {
        let key = keys.withLock { $0[0] }
        guard RAND_bytes(iv, 16) == 1 else { return -1 }
        UnsafeMutableRawPointer(name).storeBytes(of: key.name, as: SIMD16<UInt8>.self)
        let isReady = withUnsafeBytes(of: key.cipher) { bytes in
            EVP_EncryptInit_ex(
                cipher, EVP_aes_256_cbc(), nil,
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), iv) == 1
        }
        return isReady && Self.start(mac, key.mac) ? 1 : -1
    }

    /// 1: opened. 2: opened, and the client gets a new ticket. 0: not one of ours.
    private func open(
        _ name: UnsafeMutablePointer<UInt8>, _ iv: UnsafeMutablePointer<UInt8>,
        _ cipher: OpaquePointer?, _ mac: OpaquePointer?
    ) -> Int32 {
        let wanted = UnsafeRawPointer(name).loadUnaligned(as: SIMD16<UInt8>.self)
        let found = keys.withLock { keys in
            keys.firstIndex { $0.name == wanted }.map { (key: keys[$0], isNewest: $0 == 0) }
        }
        guard let found else { return 0 }
        let isReady = withUnsafeBytes(of: found.key.cipher) { bytes in
            EVP_DecryptInit_ex(
                cipher, EVP_aes_256_cbc(), nil,
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), iv) == 1
        }
        guard isReady, Self.start(mac, found.key.mac) else { return -1 }
        return found.isNewest ? 1 : 2
    }

    /// Starts HMAC-SHA-256 under a key.
    private static func start(_ mac: OpaquePointer?, _ key: SIMD32<UInt8>) -> Bool {
        // OpenSSL keeps these pointers in the parameter, so they are of literals.
        let parameter: StaticString = "digest"
        let digest: StaticString = "SHA256"
        let parameterText = UnsafeRawPointer(parameter.utf8Start).assumingMemoryBound(
            to: CChar.self)
        let digestText = UnsafeMutableRawPointer(mutating: digest.utf8Start).assumingMemoryBound(
            to: CChar.self)
        let settings = (
            OSSL_PARAM_construct_utf8_string(parameterText, digestText, 0),
            OSSL_PARAM_construct_end()
        )
        return withUnsafeBytes(of: key) { bytes in
            withUnsafeBytes(of: settings) { list in
                EVP_MAC_init(
                    mac, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count,
                    list.baseAddress?.assumingMemoryBound(to: OSSL_PARAM.self)) == 1
            }
        }
    }
}

/// A value of the same size from the generator of the system.
private func random<T: BitwiseCopyable>(_ zero: T) -> T {
    var value = zero
    let filled = withUnsafeMutableBytes(of: &value) { bytes in
        RAND_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count))
    }
    precondition(filled == 1, "the system has random numbers")
    return value
}
