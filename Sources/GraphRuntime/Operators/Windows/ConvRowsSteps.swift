import Kernels
import Primitives

extension Workspace {
    /// The values of an operand that may be left out.
    @_lifetime(borrow self)
    func optionalSpan(_ operand: borrowing Operand?) -> Span<Float>? {
        guard let operand = copy operand else { return nil }
        return span(operand, as: Float.self)
    }

    /// Some values of an operand that may be left out.
    @_lifetime(borrow self)
    func optionalSpan(_ operand: borrowing Operand?, range: Range<Int>) -> Span<Float>? {
        guard let operand = copy operand else { return nil }
        return span(operand, as: Float.self).extracting(range)
    }
}

/// A 1 × 1 convolution: the pixels of all images are the rows of a matrix.
final class ConvPointStep: PartedStep {
    private let plan: ConvRowsPlan
    private let places: ConvRowsPlaces
    private let packed: PackedMatrix

    init(_ plan: ConvRowsPlan, _ places: ConvRowsPlaces, _ packed: PackedMatrix) {
        self.plan = plan
        self.places = places
        self.packed = packed
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        Parting.count(
            work: plan.operationCount, partMin: Parting.operationsMin, lanes: lanes)
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let (rows, columns) = ProductParting.ranges(
            rows: plan.pixels, columns: packed.n, part: part, of: parts)
        let source = workspace.span(places.x, as: Float.self)
        var target = workspace.mutableSpan(places.y, as: Float.self)
        KernelSet.best.gemm(
            a: source, m: plan.pixels, b: packed, bias: workspace.optionalSpan(places.bias),
            residual: workspace.optionalSpan(places.residual),
            activation: places.rectifies ? .relu : .none, c: &target, rows: rows, columns: columns)
    }
}

/// How a matrix product is cut.
enum ProductParting {
    /// Rows where there are enough of them for every part, else columns by whole panels: a part
    /// then reads its own weights only.
    static func ranges(
        rows: Int, columns: Int, part: Int, of parts: Int
    ) -> (rows: Range<Int>, columns: Range<Int>) {
        if parts == 1 { return (0..<rows, 0..<columns) }
        if rows >= 48 * parts || columns < 16 * parts {
            return (Parting.range(rows, part: part, of: parts, unit: 6), 0..<columns)
        }
        return (0..<rows, Parting.range(columns, part: part, of: parts, unit: 16))
    }
}

/// A convolution as a product over windows where they lie; images that need padding are copied
/// with it first.
final class ConvRowsStep: PartedStep {
    private let plan: ConvRowsPlan
    private let places: ConvRowsPlaces
    private let packed: [PackedMatrix]
    private let shape: ConvolutionShape
    private let tapOffsets: [Int]
    private let isPadded: Bool

    init(_ plan: ConvRowsPlan, _ places: ConvRowsPlaces, _ packed: [PackedMatrix]) {
        self.plan = plan
        self.places = places
        self.packed = packed
        shape = plan.shape
        tapOffsets = plan.tapOffsets
        isPadded = plan.isPadded
    }

    var phaseCount: Int { 2 }

    func partCount(phase: Int, lanes: Int) -> Int {
        if phase == 0 {
            return isPadded
                ? Parting.count(
                    work: plan.images * shape.imageStride * 8, partMin: Parting.bytesMin,
                    lanes: lanes) : 1
        }
        return Parting.count(
            work: plan.operationCount, partMin: Parting.operationsMin, lanes: lanes)
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        if phase == 0 {
            if isPadded { pad(part, parts, workspace) }
        } else {
            multiply(part, parts, workspace)
        }
    }

    /// Copies lines of pixels between zeros.
    private func pad(_ part: Int, _ parts: Int, _ workspace: Workspace) {
        let source = workspace.span(places.x, as: Float.self)
        var target = workspace.mutableSpan(places.scratch[0], as: Float.self)
        let sizes = plan.paddedSizes
        let window = plan.window
        let lines = plan.images * sizes.0 * sizes.1
        KernelSet.best.padLines(
            source, window, padded: sizes,
            lines: Parting.range(lines, part: part, of: parts), y: &target)
    }

    private func multiply(_ part: Int, _ parts: Int, _ workspace: Workspace) {
        let own = plan.filterCount / plan.groups
        let taps = tapOffsets
        let (pixels, columns) = ProductParting.ranges(
            rows: plan.pixels, columns: own, part: part, of: parts)
        let source = workspace.span(isPadded ? places.scratch[0] : places.x, as: Float.self)
        var target = workspace.mutableSpan(places.y, as: Float.self)
        for group in 0..<plan.groups {
            KernelSet.best.convolve(
                source, base: group * plan.channels, shape, tapOffsets: taps.span,
                pixels: pixels, filters: packed[group], part: columns,
                bias: workspace.optionalSpan(
                    places.bias, range: group * own..<(group + 1) * own),
                residual: workspace.optionalSpan(places.residual),
                .init(stride: plan.filterCount, rectifies: places.rectifies), y: &target,
                column: group * own)
        }
    }
}

/// Winograd's algorithm, some tiles at a time: patches transformed, a product a point, transformed back.
final class ConvWinogradStep: PartedStep {
    private let plan: ConvRowsPlan
    private let places: ConvRowsPlaces
    private let points: [PackedMatrix]
    private let (tile, tiles, tilesAtOnce): (Int, Int, Int)
    private let (window, outputWindow): (WindowShape, WindowShape)

    init(_ plan: ConvRowsPlan, _ places: ConvRowsPlaces, tile: Int, _ points: [PackedMatrix]) {
        self.plan = plan
        self.places = places
        self.points = points
        self.tile = tile
        window = plan.window
        var other = plan.window
        other.channels = plan.filterCount
        outputWindow = other
        tiles = KernelSet.winogradTiles(window, tile: tile, images: plan.images)
        tilesAtOnce = plan.tilesAtOnce(tile)
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        let count = Parting.count(
            work: plan.operationCount, partMin: 2 * Parting.operationsMin, lanes: lanes)
        return min(count, plan.lanes, max(1, tiles / 6))
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let range = Parting.range(tiles, part: part, of: parts, unit: 6)
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(start + tilesAtOnce, range.upperBound)
            compute(start..<end, lane: part, workspace)
            start = end
        }
    }

    private func compute(_ range: Range<Int>, lane: Int, _ workspace: Workspace) {
        let count = range.count
        let (channels, filters) = (plan.channels, plan.filterCount)
        let (vSize, mSize) = (count * channels, count * filters)
        let vStart = lane * points.count * tilesAtOnce * channels
        let mStart = lane * points.count * tilesAtOnce * filters
        var v = workspace.mutableSpan(
            places.scratch[0], as: Float.self, range: vStart..<vStart + points.count * vSize)
        KernelSet.best.winogradInput(
            workspace.span(places.x, as: Float.self), window, tile: tile, tiles: range, v: &v)
        let patches = workspace.span(places.scratch[0], as: Float.self)
        for point in points.indices {
            let from = vStart + point * vSize
            let to = mStart + point * mSize
            var m = workspace.mutableSpan(
                places.scratch[1], as: Float.self, range: to..<to + mSize)
            KernelSet.best.gemm(
                a: patches.extracting(from..<from + vSize), m: count, b: points[point], c: &m)
        }
        let products = workspace.span(places.scratch[1], as: Float.self)
        var target = workspace.mutableSpan(places.y, as: Float.self)
        KernelSet.best.winogradOutput(
            products.extracting(mStart..<mStart + points.count * mSize), outputWindow, tile: tile,
            tiles: range, bias: workspace.optionalSpan(places.bias),
            residual: workspace.optionalSpan(places.residual), rectifies: places.rectifies,
            y: &target)
    }
}

/// A filter a channel.
final class ConvDepthwiseRowsStep: PartedStep {
    private let plan: ConvRowsPlan
    private let places: ConvRowsPlaces
    private let weights: Operand
    private let window: WindowShape

    init(_ plan: ConvRowsPlan, _ places: ConvRowsPlaces, _ weights: Operand) {
        self.plan = plan
        self.places = places
        self.weights = weights
        window = plan.window
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        Parting.count(
            work: 4 * (places.x.count + places.y.count) + plan.operationCount,
            partMin: Parting.bytesMin, lanes: lanes)
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        var target = workspace.mutableSpan(places.y, as: Float.self)
        KernelSet.best.depthwise(
            workspace.span(places.x, as: Float.self), window,
            weights: workspace.span(weights, as: Float.self),
            bias: workspace.optionalSpan(places.bias),
            residual: workspace.optionalSpan(places.residual), rectifies: places.rectifies,
            pixels: Parting.range(plan.pixels, part: part, of: parts), y: &target)
    }
}
