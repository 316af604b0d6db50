import Kernels
import KernelsPortable
import Primitives

extension KernelSet {
    /// One set a level of the kernels for bytes that this processor has.
    static var allBytes: [KernelSet] {
        ByteInstructionSet.supported.map { KernelSet(.portable, bytes: $0) }
    }
}

extension SeededGenerator {
    /// Bytes with the ends of the range among them.
    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in
            switch UInt8.random(in: 0...9, using: &self) {
            case 0: 0
            case 1: 0xff
            case 2: 0x80
            case 3: 0x7f
            default: UInt8.random(in: 0...255, using: &self)
            }
        }
    }
}

/// Bytes as the numbers they are in their type.
func numbers(_ bytes: [UInt8], isSigned: Bool) -> [Int] {
    bytes.map { isSigned ? Int(Int8(bitPattern: $0)) : Int($0) }
}
