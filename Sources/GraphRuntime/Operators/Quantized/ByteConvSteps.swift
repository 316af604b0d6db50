import Kernels
import Primitives

/// Where a convolution of bytes has its operands.
struct ByteConvPlaces: Sendable {
    let x: Operand
    let y: Operand
    /// The padded images, where there are pads.
    let scratch: Operand?
}

/// A convolution of bytes as a product over windows where they lie; images that need padding are
/// copied with it first.
final class ByteConvStep: PartedStep {
    private let plan: ConvRowsPlan
    private let places: ByteConvPlaces
    private let packed: [PackedBytes]
    private let endings: [ByteEnding]
    /// nil: the zero point is known at run time.
    private let known: ByteScale?
    private let zero: Operand?
    private let shape: ConvolutionShape
    private let tapOffsets: [Int]

    init(
        _ plan: ConvRowsPlan, _ places: ByteConvPlaces, _ packed: [PackedBytes],
        _ endings: [ByteEnding], known: ByteScale?, zero: Operand?
    ) {
        self.plan = plan
        self.places = places
        self.packed = packed
        self.endings = endings
        self.known = known
        self.zero = zero
        shape = plan.shape
        tapOffsets = plan.tapOffsets
    }

    var phaseCount: Int { 2 }

    func partCount(phase: Int, lanes: Int) -> Int {
        if phase == 0 {
            return places.scratch == nil
                ? 1
                : Parting.count(
                    work: plan.images * shape.imageStride * 2, partMin: Parting.bytesMin,
                    lanes: lanes)
        }
        return Parting.count(
            work: plan.operationCount, partMin: Parting.byteOperationsMin, lanes: lanes)
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let scale = known ?? workspace.byteScale(nil, zero, type: places.x.dataType)
        if phase == 0 {
            pad(part, parts, fill: UInt8(truncatingIfNeeded: scale.zeroPoint), workspace)
        } else if places.y.dataType == .int32 {
            sum(part, parts, scale, workspace)
        } else {
            quantize(part, parts, scale, workspace)
        }
    }

    /// Copies lines of pixels between zero points.
    private func pad(_ part: Int, _ parts: Int, fill: UInt8, _ workspace: Workspace) {
        guard let scratch = places.scratch else { return }
        let sizes = plan.paddedSizes
        var target = workspace.mutableSpan(scratch, as: UInt8.self)
        KernelSet.best.padLines(
            workspace.span(places.x, as: UInt8.self), plan.window, padded: sizes, fill: fill,
            lines: Parting.range(
                plan.images * sizes.0 * sizes.1, part: part, of: parts), y: &target)
    }

    private func place(
        _ part: Int, _ parts: Int, group: Int
    ) -> KernelSet.BytePart {
        let own = plan.filterCount / plan.groups
        let (pixels, columns) = ProductParting.ranges(
            rows: plan.pixels, columns: own, part: part, of: parts)
        return KernelSet.BytePart(
            rows: pixels, columns: columns, stride: plan.filterCount, column: group * own)
    }

    private func quantize(
        _ part: Int, _ parts: Int, _ scale: ByteScale, _ workspace: Workspace
    ) {
        let source = workspace.span(places.scratch ?? places.x, as: UInt8.self)
        var target = workspace.mutableSpan(places.y, as: UInt8.self)
        let taps = tapOffsets
        for group in 0..<plan.groups {
            KernelSet.best.multiply(
                source, .init(shape, base: group * plan.channels, scale: scale),
                tapOffsets: taps.span, packed[group], endings[group],
                place(part, parts, group: group), y: &target)
        }
    }

    private func sum(_ part: Int, _ parts: Int, _ scale: ByteScale, _ workspace: Workspace) {
        let source = workspace.span(places.scratch ?? places.x, as: UInt8.self)
        var target = workspace.mutableSpan(places.y, as: Int32.self)
        let taps = tapOffsets
        for group in 0..<plan.groups {
            KernelSet.best.multiply(
                source, .init(shape, base: group * plan.channels, scale: scale),
                tapOffsets: taps.span, packed[group], endings[group],
                place(part, parts, group: group), y: &target)
        }
    }
}

/// A filter of bytes a channel.
final class ByteDepthwiseStep: PartedStep {
    private let plan: ConvRowsPlan
    private let places: ByteConvPlaces
    private let filters: ByteRowFilters
    private let ending: ByteEnding
    private let known: ByteScale?
    private let zero: Operand?
    private let window: WindowShape

    init(
        _ plan: ConvRowsPlan, _ places: ByteConvPlaces, _ filters: ByteRowFilters,
        _ ending: ByteEnding,
        known: ByteScale?, zero: Operand?
    ) {
        self.plan = plan
        self.places = places
        self.filters = filters
        self.ending = ending
        self.known = known
        self.zero = zero
        window = plan.window
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        Parting.count(
            work: places.x.count + places.y.count + plan.operationCount,
            partMin: Parting.bytesMin, lanes: lanes)
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let scale = known ?? workspace.byteScale(nil, zero, type: places.x.dataType)
        let source = workspace.span(places.x, as: UInt8.self)
        let pixels = Parting.range(plan.pixels, part: part, of: parts)
        if places.y.dataType == .int32 {
            var target = workspace.mutableSpan(places.y, as: Int32.self)
            KernelSet.best.depthwise(
                source, window, scale: scale, filters: filters, ending, pixels: pixels,
                y: &target)
        } else {
            var target = workspace.mutableSpan(places.y, as: UInt8.self)
            KernelSet.best.depthwise(
                source, window, scale: scale, filters: filters, ending, pixels: pixels,
                y: &target)
        }
    }
}
