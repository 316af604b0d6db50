import Kernels
import Primitives

/// A channels-last convolution with every size settled.
struct ConvRowsPlan: Sendable {
    typealias Axis = WindowGeometry.Axis

    let images: Int
    let (depth, height, width): (Axis, Axis, Axis)
    /// Of a group.
    let channels: Int
    let groups: Int
    let filterCount: Int
    /// Most parts a step is ever cut into, each with scratch memory of its own.
    let lanes: Int
    private let method: ConvFilters.Method

    init(
        images: Int, cube: (Axis, Axis, Axis), channels: Int, groups: Int, filters: ConvFilters,
        lanes: Int
    ) {
        self.images = images
        (depth, height, width) = cube
        self.channels = channels
        self.groups = groups
        filterCount = filters.shape[0]
        self.lanes = lanes
        method = filters.method
    }

    /// The plan of a product over windows, where the caller has scratch memory of its own.
    init(
        images: Int, cube: (Axis, Axis, Axis), channels: Int, groups: Int, filterCount: Int
    ) {
        self.images = images
        (depth, height, width) = cube
        self.channels = channels
        self.groups = groups
        self.filterCount = filterCount
        lanes = 1
        method = .product([])
    }

    var allChannels: Int { channels * groups }
    var pixels: Int { images * depth.outputs * height.outputs * width.outputs }
    var taps: Int { depth.kernel * height.kernel * width.kernel }
    var operationCount: Int { 2 &* pixels &* taps &* channels &* filterCount }

    var window: WindowShape {
        WindowShape(
            channels: allChannels, sizes: (depth.size, height.size, width.size),
            outputs: (depth.outputs, height.outputs, width.outputs),
            kernel: (depth.kernel, height.kernel, width.kernel),
            strides: (depth.stride, height.stride, width.stride),
            dilations: (depth.dilation, height.dilation, width.dilation),
            pads: (depth.padBefore, height.padBefore, width.padBefore))
    }

    // MARK: Products over windows

    /// Sizes of an image with its padding, as far as windows reach.
    private func padded(_ axis: Axis) -> Int {
        max(
            axis.size + axis.padBefore,
            (axis.outputs - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1)
    }

    var isPadded: Bool {
        [depth, height, width].contains {
            $0.padBefore > 0
                || ($0.outputs - 1) * $0.stride + ($0.kernel - 1) * $0.dilation + 1 > $0.size
        }
    }

    var paddedSizes: (Int, Int, Int) { (padded(depth), padded(height), padded(width)) }

    /// One tap, one group, nothing skipped: the images are the rows of a matrix.
    var isPlainProduct: Bool {
        taps == 1 && groups == 1 && !isPadded && depth.stride == 1 && height.stride == 1
            && width.stride == 1 && depth.outputs == depth.size && height.outputs == height.size
            && width.outputs == width.size
    }

    /// Neighbouring columns of a window lie in one run when nothing is between them.
    private var joinsColumns: Bool { groups == 1 && width.dilation == 1 }

    var shape: ConvolutionShape {
        let (d, h, w) = isPadded ? paddedSizes : (depth.size, height.size, width.size)
        return ConvolutionShape(
            outputs: (depth.outputs, height.outputs, width.outputs),
            imageStride: d * h * w * allChannels,
            steps: (
                depth.stride * h * w * allChannels, height.stride * w * allChannels,
                width.stride * allChannels
            ), run: joinsColumns ? width.kernel * channels : channels)
    }

    var tapOffsets: [Int] {
        let (_, h, w) = isPadded ? paddedSizes : (depth.size, height.size, width.size)
        var offsets: [Int] = []
        for z in 0..<depth.kernel {
            for y in 0..<height.kernel {
                let line = (z * depth.dilation * h + y * height.dilation) * w * allChannels
                for x in 0..<(joinsColumns ? 1 : width.kernel) {
                    offsets.append(line + x * width.dilation * allChannels)
                }
            }
        }
        return offsets
    }

    // MARK: Winograd

    /// Tiles a lane works on at a time: their transformed pixels and products stay in the
    /// second-level cache where filters are few, and filters are read once for many tiles.
    func tilesAtOnce(_ tile: Int) -> Int {
        let perTile = (tile + 2) * (tile + 2) * (channels + filterCount) * 4
        let all = KernelSet.winogradTiles(window, tile: tile, images: images)
        return min(max(48, min(192, (1 << 20) / perTile / 6 * 6)), max(all, 1))
    }

    /// Floats of each block of scratch memory.
    var scratchCounts: [Int] {
        switch method {
        case .depthwise: return []
        case .winograd(let tile, _):
            let points = (tile + 2) * (tile + 2) * tilesAtOnce(tile)
            return [lanes * points * channels, lanes * points * filterCount]
        case .product:
            if !isPadded { return [] }
            return [images * shape.imageStride]
        }
    }
}

/// Where a convolution's operands lie.
struct ConvRowsPlaces: Sendable {
    let (x, bias, residual, y): (Operand, Operand?, Operand?, Operand)
    let scratch: [Operand]
    let rectifies: Bool

    init(
        x: Operand, bias: Operand?, residual: Operand?, y: Operand, scratch: [Operand],
        rectifies: Bool
    ) {
        (self.x, self.bias, self.residual, self.y) = (x, bias, residual, y)
        self.scratch = scratch
        self.rectifies = rectifies
    }
}
