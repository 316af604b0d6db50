import COpenSSL
import Glibc
import Primitives

/// The two queues between OpenSSL and the connection: a BIO whose reads take from `incoming` and
/// whose writes go to `outgoing`.
///
/// A step that is given the caller's own buffers swaps them in here for its duration, so that
/// OpenSSL reads and writes them without a copy between.
struct TLSWire: ~Copyable {
    /// Ciphertext received and not yet read by OpenSSL.
    var incoming = ByteBuffer()
    /// Ciphertext written by OpenSSL and not yet drained.
    var outgoing = ByteBuffer()
    /// The peer sent FIN: after `incoming` there is nothing.
    var hasEnded = false
    let outgoingBytesMax: Int

    /// While this holds, OpenSSL is told there is nothing to read. Every record it reads may make it
    /// answer (an alert, a key update), and a peer that does not take the answers must not make us
    /// keep them without bound. Holding up its writes instead would not do: OpenSSL cannot write
    /// data while an alert is stuck half-way.
    var isFull: Bool { outgoing.count >= outgoingBytesMax }

    /// A BIO over the wire, which must outlive it.
    static func makeBIO(_ wire: UnsafeMutablePointer<TLSWire>) -> OpaquePointer {
        guard let bio = BIO_new(method) else { preconditionFailure("memory for a BIO is there") }
        BIO_set_data(bio, wire)
        BIO_set_init(bio, 1)
        return bio
    }

    /// SAFETY: made once, then only read.
    nonisolated(unsafe) private static let method: OpaquePointer = {
        let type = BIO_get_new_index() | Int32(BIO_TYPE_SOURCE_SINK)
        guard let method = BIO_meth_new(type, "martlet wire") else {
            preconditionFailure("memory for a BIO method is there")
        }
        BIO_meth_set_read(method) { bio, target, byteCount in
            TLSWire.read(bio, target, byteCount)
        }
        BIO_meth_set_write(method) { bio, source, byteCount in
            TLSWire.write(bio, source, byteCount)
        }
        BIO_meth_set_ctrl(method) { bio, command, _, _ in TLSWire.control(bio, command) }
        return method
    }()

    private static func of(_ bio: OpaquePointer?) -> UnsafeMutablePointer<TLSWire> {
        BIO_get_data(bio).assumingMemoryBound(to: TLSWire.self)
    }

    private static func read(
        _ bio: OpaquePointer?, _ target: UnsafeMutablePointer<CChar>?, _ byteCount: Int32
    ) -> Int32 {
        let wire = of(bio)
        martlet_BIO_clear_retry_flags(bio)
        guard let target, byteCount > 0 else { return 0 }
        if wire.pointee.incoming.isEmpty && wire.pointee.hasEnded { return 0 }
        if wire.pointee.incoming.isEmpty || wire.pointee.isFull {
            martlet_BIO_set_retry_read(bio)
            return -1
        }
        let taken = min(Int(byteCount), wire.pointee.incoming.count)
        wire.pointee.incoming.span.withUnsafeBufferPointer { bytes in
            if let source = bytes.baseAddress { memcpy(target, source, taken) }
        }
        wire.pointee.incoming.consume(taken)
        return Int32(taken)
    }

    private static func write(
        _ bio: OpaquePointer?, _ source: UnsafePointer<CChar>?, _ byteCount: Int32
    ) -> Int32 {
        martlet_BIO_clear_retry_flags(bio)
        guard let source, byteCount > 0 else { return 0 }
        let bytes = UnsafeRawBufferPointer(start: source, count: Int(byteCount))
        of(bio).pointee.outgoing.append(bytes.assumingMemoryBound(to: UInt8.self))
        return byteCount
    }

    private static func control(_ bio: OpaquePointer?, _ command: Int32) -> Int {
        switch command {
        case BIO_CTRL_FLUSH: return 1
        case BIO_CTRL_EOF:
            let wire = of(bio)
            return wire.pointee.hasEnded && wire.pointee.incoming.isEmpty ? 1 : 0
        default: return 0
        }
    }
}
