import Primitives

/// The attributes of operators that slide a window over the axes behind batch and channels.
struct WindowAttributes: Sendable {
    enum Padding: String {
        case explicit = "NOTSET"
        case valid = "VALID"
        /// As many outputs as the input divided by the stride; odd padding goes to the end (to the
        /// start with `sameLower`).
        case sameUpper = "SAME_UPPER"
        case sameLower = "SAME_LOWER"
    }

    let kernel: [Int]?
    let strides: [Int]?
    let dilations: [Int]?
    let pads: [Int]?
    let padding: Padding
    let roundsUp: Bool

    init(_ context: OperatorContext, hasDilations: Bool = true) throws(OperatorFailure) {
        kernel = try context.ints("kernel_shape")
        strides = try context.ints("strides")
        dilations = hasDilations ? try context.ints("dilations") : nil
        pads = try context.ints("pads")
        let name = try context.string("auto_pad") ?? "NOTSET"
        guard let padding = Padding(rawValue: name) else {
            throw OperatorFailure("the padding '\(name)' is not known")
        }
        self.padding = padding
        roundsUp = try context.flag("ceil_mode", default: false)
        for (what, list) in [
            ("kernel_shape", kernel), ("strides", strides), ("dilations", dilations),
        ] {
            guard list?.allSatisfy({ $0 > 0 && $0 < 1 << 31 }) ?? true else {
                throw OperatorFailure("its attribute '\(what)' must hold positive sizes")
            }
        }
        guard pads?.allSatisfy({ $0 >= 0 && $0 < 1 << 31 }) ?? true else {
            throw OperatorFailure("its attribute 'pads' must not hold negative sizes")
        }
    }
}

/// A window sliding over the pixels of an image of any rank: where each output's window lies.
struct WindowGeometry: Sendable {
    /// One spatial axis.
    struct Axis: Sendable {
        let size: Int
        let kernel: Int
        let stride: Int
        let dilation: Int
        let padBefore: Int
        let padAfter: Int
        let outputs: Int

        /// The taps of an output's window that lie inside the input.
        @inline(__always)
        func taps(_ output: Int) -> (first: Int, end: Int, start: Int) {
            let start = output * stride - padBefore
            let first = start >= 0 ? 0 : (-start + dilation - 1) / dilation
            let room = size - start
            let end = room <= 0 ? 0 : min(kernel, (room + dilation - 1) / dilation)
            return (first, max(end, first), start)
        }

        /// How many taps lie inside the padded input.
        func paddedTaps(_ output: Int) -> Int {
            let room = size + padAfter - (output * stride - padBefore)
            return room <= 0 ? 0 : min(kernel, (room + dilation - 1) / dilation)
        }
    }

    let axes: [Axis]

    /// - Parameters:
    ///   - shape: the spatial sizes of the input.
    ///   - kernel: the window, where the attributes do not give one.
    init(
        _ shape: [Int], _ attributes: WindowAttributes, kernel given: [Int]? = nil
    ) throws(OperatorFailure) {
        let rank = shape.count
        guard let kernel = attributes.kernel ?? given, kernel.count == rank, rank > 0,
            given == nil || given == kernel
        else { throw OperatorFailure("its window does not fit an image of \(Shape.text(shape))") }
        let strides = attributes.strides ?? Array(repeating: 1, count: rank)
        let dilations = attributes.dilations ?? Array(repeating: 1, count: rank)
        let pads = attributes.pads ?? Array(repeating: 0, count: 2 * rank)
        guard strides.count == rank, dilations.count == rank, pads.count == 2 * rank else {
            throw OperatorFailure("its strides, dilations or pads do not fit \(rank) axes")
        }
        var axes: [Axis] = []
        for index in 0..<rank {
            let reach = (kernel[index] - 1).multipliedReportingOverflow(by: dilations[index])
            guard !reach.overflow, reach.partialValue < 1 << 40 else {
                throw OperatorFailure("its window is too large")
            }
            axes.append(
                try Self.axis(
                    shape[index], kernel[index], strides[index], dilations[index],
                    (pads[index], pads[index + rank]), attributes))
        }
        self.axes = axes
    }

    private static func axis(
        _ size: Int, _ kernel: Int, _ stride: Int, _ dilation: Int, _ pads: (Int, Int),
        _ attributes: WindowAttributes
    ) throws(OperatorFailure) -> Axis {
        let extent = (kernel - 1) * dilation + 1
        var (before, after) = pads
        var outputs: Int
        switch attributes.padding {
        case .explicit, .valid:
            if attributes.padding == .valid { (before, after) = (0, 0) }
            let room = size + before + after - extent
            guard room >= 0 else {
                throw OperatorFailure("a window of \(extent) is larger than the image of \(size)")
            }
            outputs = room / stride + 1
            if attributes.roundsUp, room % stride != 0, outputs * stride < size + before {
                // A window that starts inside of the image or the padding in front of it.
                outputs += 1
            }
        case .sameUpper, .sameLower:
            outputs = (size + stride - 1) / stride
            let total = max((outputs - 1) * stride + extent - size, 0)
            before = attributes.padding == .sameUpper ? total / 2 : total - total / 2
            after = total - before
        }
        return Axis(
            size: size, kernel: kernel, stride: stride, dilation: dilation, padBefore: before,
            padAfter: after, outputs: max(outputs, 0))
    }

    var outputShape: [Int] { axes.map(\.outputs) }
    var kernelShape: [Int] { axes.map(\.kernel) }
    var tapCount: Int { axes.reduce(1) { $0 * $1.kernel } }

    /// The same with three axes, those missing in front having one pixel: what the loops are
    /// written for. nil with more than three.
    var cube: (Axis, Axis, Axis)? {
        guard axes.count <= 3 else { return nil }
        let unit = Axis(
            size: 1, kernel: 1, stride: 1, dilation: 1, padBefore: 0, padAfter: 0, outputs: 1)
        let all = Array(repeating: unit, count: 3 - axes.count) + axes
        return (all[0], all[1], all[2])
    }

    /// As `cube`, or the failure that says what is missing.
    func requireCube() throws(OperatorFailure) -> (Axis, Axis, Axis) {
        guard let cube else {
            throw OperatorFailure("images of more than 3 axes are not supported")
        }
        return cube
    }
}

extension Inputs {
    /// The sizes of an image behind batch and channels. Throws when there are none.
    func imageShape(_ index: Int) throws(OperatorFailure) -> [Int] {
        let shape = self[index].shape
        guard shape.count >= 3 else {
            throw OperatorFailure(
                "its input has shape \(Shape.text(shape)); it takes batch, channels and pixels")
        }
        return Array(shape[2...])
    }
}
