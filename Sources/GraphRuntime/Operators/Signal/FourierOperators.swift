import Glibc
import Primitives

/// A discrete Fourier transform of any length: by halves where the length is a power of two (Cooley &
/// Tukey, 1965), else by Bluestein's chirp, so that no length costs its square.
struct FourierTransform {
    private let count: Int
    private let isInverse: Bool

    /// The inverse is not divided by the length.
    init(count: Int, isInverse: Bool) { (self.count, self.isInverse) = (count, isInverse) }

    func callAsFunction(_ real: inout [Double], _ imaginary: inout [Double]) {
        if count <= 1 { return }
        if count & (count - 1) == 0 {
            Self.powerOfTwo(&real, &imaginary, isInverse: isInverse)
        } else {
            chirp(&real, &imaginary)
        }
    }

    private static func powerOfTwo(
        _ real: inout [Double], _ imaginary: inout [Double], isInverse: Bool
    ) {
        let count = real.count
        var mirrored = 0
        for index in 1..<count {
            var bit = count >> 1
            while mirrored & bit != 0 {
                mirrored ^= bit
                bit >>= 1
            }
            mirrored |= bit
            if index < mirrored {
                real.swapAt(index, mirrored)
                imaginary.swapAt(index, mirrored)
            }
        }
        var length = 2
        while length <= count {
            let turn = (isInverse ? 2 : -2) * Double.pi / Double(length)
            for place in 0..<length / 2 {
                let (c, s) = (cos(turn * Double(place)), sin(turn * Double(place)))
                var start = place
                while start < count {
                    let other = start + length / 2
                    let (a, b) = (
                        real[other] * c - imaginary[other] * s,
                        real[other] * s + imaginary[other] * c
                    )
                    (real[other], imaginary[other]) = (real[start] - a, imaginary[start] - b)
                    real[start] += a
                    imaginary[start] += b
                    start += length
                }
            }
            length *= 2
        }
    }

    /// The transform as a convolution with a chirp, through transforms of a power of two.
    private func chirp(_ real: inout [Double], _ imaginary: inout [Double]) {
        var length = 1
        while length < 2 * count - 1 { length *= 2 }
        let sign: Double = isInverse ? 1 : -1
        // Squares grow fast: the angle is taken of their rest.
        let angles = (0..<count).map { index in
            sign * Double.pi * Double(index * index % (2 * count)) / Double(count)
        }
        var a = Array(repeating: 0.0, count: length)
        var b = a
        var (c, d) = (a, a)
        for index in 0..<count {
            let (x, y) = (cos(angles[index]), sin(angles[index]))
            a[index] = real[index] * x - imaginary[index] * y
            b[index] = real[index] * y + imaginary[index] * x
            (c[index], d[index]) = (x, -y)
            if index > 0 { (c[length - index], d[length - index]) = (x, -y) }
        }
        Self.powerOfTwo(&a, &b, isInverse: false)
        Self.powerOfTwo(&c, &d, isInverse: false)
        for index in 0..<length {
            (a[index], b[index]) = (
                a[index] * c[index] - b[index] * d[index], a[index] * d[index] + b[index] * c[index]
            )
        }
        Self.powerOfTwo(&a, &b, isInverse: true)
        for index in 0..<count {
            let (x, y) = (cos(angles[index]), sin(angles[index]))
            real[index] = (a[index] * x - b[index] * y) / Double(length)
            imaginary[index] = (a[index] * y + b[index] * x) / Double(length)
        }
    }
}

/// ONNX `DFT`: the discrete Fourier transform along an axis, or its inverse; of real or complex values
/// (a last axis of 1 or 2), with all frequencies or those up to the middle.
final class DFTOperator: TensorOperator {
    private let axis: Int?
    private let (isInverse, isOneSided): (Bool, Bool)

    init(_ context: OperatorContext) throws(OperatorFailure) {
        let isInput = context.version >= 20
        try context.requireInputs(1, max: isInput ? 3 : 2)
        try context.requireOutputs(1)
        axis = isInput ? nil : try context.int("axis", default: 1)
        isInverse = try context.flag("inverse", default: false)
        isOneSided = try context.flag("onesided", default: false)
    }

    private struct Sizes {
        let (axis, length, outputs): (Int, Int, Int)
        let shape: [Int]
    }

    private func sizes(
        _ shape: [Int], length given: Tensor?, axis tensor: Tensor?
    ) throws(OperatorFailure) -> Sizes {
        let wanted = axis ?? tensor?.integers?.first ?? -2
        guard let axis = Shape.axis(wanted, rank: shape.count), axis < shape.count - 1,
            let last = shape.last, last == 1 || last == 2
        else {
            throw OperatorFailure("its axis \(wanted) does not fit the shape \(Shape.text(shape))")
        }
        let isReal = isInverse && isOneSided
        let length: Int
        if let given {
            guard let value = given.integers?.first else {
                throw OperatorFailure("its length must be an integer")
            }
            length = value
        } else {
            length = isReal ? 2 * (shape[axis] - 1) : shape[axis]
        }
        guard length >= 1, length <= Limits.standard.rangeElementsMax else {
            throw OperatorFailure("its length \(length) is not possible")
        }
        var result = shape
        result[axis] = isOneSided && !isInverse ? length / 2 + 1 : length
        result[shape.count - 1] = isReal ? 1 : 2
        guard Shape.elementCount(result) != nil else {
            throw OperatorFailure("\(Shape.text(result)) is larger than a tensor may be")
        }
        return Sizes(axis: axis, length: length, outputs: result[axis], shape: result)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        for index in 1..<max(inputs.count, 1) {
            if let info = inputs.optional(index), info.constant == nil { return nil }
        }
        let sizes = try sizes(
            inputs[0].shape, length: inputs.optional(1)?.constant,
            axis: inputs.optional(2)?.constant)
        return [ValueInfo(type, sizes.shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], x.dataType.isFloat else {
            throw OperatorFailure("its input must be of floats")
        }
        let sizes = try sizes(
            x.shape, length: inputs.count > 1 ? inputs[1] : nil,
            axis: inputs.count > 2 ? inputs[2] : nil)
        let values = x.reals
        let parts = x.shape[x.shape.count - 1]
        let size = x.shape[sizes.axis]
        let inner = x.shape[(sizes.axis + 1)..<(x.shape.count - 1)].reduce(1, *)
        let outParts = sizes.shape[sizes.shape.count - 1]
        let transform = FourierTransform(count: sizes.length, isInverse: isInverse)
        let factor = isInverse ? 1 / Double(sizes.length) : 1
        var made = Array(repeating: 0.0, count: sizes.shape.reduce(1, *))
        for block in 0..<x.shape[..<sizes.axis].reduce(1, *) {
            for column in 0..<inner {
                var real = Array(repeating: 0.0, count: sizes.length)
                var imaginary = real
                for index in 0..<min(size, sizes.length) {
                    let place = ((block * size + index) * inner + column) * parts
                    real[index] = values[place]
                    if parts == 2 { imaginary[index] = values[place + 1] }
                }
                if isInverse, isOneSided { Self.mirror(&real, &imaginary) }
                transform(&real, &imaginary)
                for index in 0..<sizes.outputs {
                    let place = ((block * sizes.outputs + index) * inner + column) * outParts
                    made[place] = real[index] * factor
                    if outParts == 2 { made[place + 1] = imaginary[index] * factor }
                }
            }
        }
        return [Tensor(x.dataType, shape: sizes.shape, reals: made)]
    }

    /// Fills in the frequencies beyond the middle: those of a real signal are mirror images.
    private static func mirror(_ real: inout [Double], _ imaginary: inout [Double]) {
        let count = real.count
        for index in count / 2 + 1..<max(count, count / 2 + 1) {
            real[index] = real[count - index]
            imaginary[index] = -imaginary[count - index]
        }
        imaginary[0] = 0
        if count % 2 == 0 { imaginary[count / 2] = 0 }
    }
}

/// ONNX `STFT`: Fourier transforms of overlapping frames of a signal, each weighted by a window.
final class STFTOperator: TensorOperator {
    private let isOneSided: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2, max: 4)
        try context.requireOutputs(1)
        isOneSided = try context.flag("onesided", default: true)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], x.dataType.isFloat, x.shape.count == 3 || x.shape.count == 2,
            let step = inputs[1]?.integers?.first, step > 0
        else { throw OperatorFailure("it takes a batch of signals and a positive step") }
        let window = inputs.count > 2 ? inputs[2]?.reals : nil
        let given = inputs.count > 3 ? inputs[3]?.integers?.first : nil
        let parts = x.shape.count == 3 ? x.shape[2] : 1
        let size = x.shape[1]
        guard parts == 1 || parts == 2, let length = given ?? window?.count, length > 0,
            length <= size, window.map({ $0.count <= length }) ?? true, parts == 1 || !isOneSided
        else { throw OperatorFailure("its window or frame length does not fit its signal") }
        let frames = 1 + (size - length) / step
        let outputs = isOneSided ? length / 2 + 1 : length
        let shape = [x.shape[0], frames, outputs, 2]
        guard let count = Shape.elementCount(shape) else {
            throw OperatorFailure("\(Shape.text(shape)) is larger than a tensor may be")
        }
        let values = x.reals
        // A window shorter than the frame stands in its middle.
        let offset = (length - (window?.count ?? length)) / 2
        let transform = FourierTransform(count: length, isInverse: false)
        var made: [Double] = []
        made.reserveCapacity(count)
        for item in 0..<x.shape[0] {
            for frame in 0..<frames {
                var real = Array(repeating: 0.0, count: length)
                var imaginary = real
                for index in 0..<length {
                    var weight = 1.0
                    if let window {
                        let at = index - offset
                        weight = at >= 0 && at < window.count ? window[at] : 0
                    }
                    let place = (item * size + frame * step + index) * parts
                    real[index] = values[place] * weight
                    if parts == 2 { imaginary[index] = values[place + 1] * weight }
                }
                transform(&real, &imaginary)
                for index in 0..<outputs { made += [real[index], imaginary[index]] }
            }
        }
        return [Tensor(x.dataType, shape: shape, reals: made)]
    }
}
