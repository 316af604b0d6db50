// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Primitives

// A matrix product, or a convolution over channels-last images, of bytes: the rows of A are windows where
// they lie, run by run. Sums are exact in int32, which wraps: their order does not matter.

/// Rows whose windows' addresses are looked up once.
private let rowBlock = 192

#if MARTLET_VNNI
    private let tileRows = 6
    private let tilePanels = 4
#else
    private let tileRows = 2
    private let tilePanels = 1
#endif

/// Results for some rows and columns, as `KernelSet.multiply` says. The caller has checked every
/// bound. `target` points at column 0 of the part of row 0, `b` and the ending's lists at its first
/// panel.
@inline(never)
public func byteProduct(
    _ x: UnsafePointer<UInt8>, isSigned: Bool, _ shape: ConvolutionShape,
    tapOffsets: UnsafePointer<Int>, taps: Int, rows: Range<Int>, b: UnsafePointer<Int8>,
    columns: Int, ending: ByteProductEnding, target: ByteProductTarget, stride: Int
) {
    // Not temporary allocations: those above a kilobyte come from the heap.
    var starts = InlineArray<192, UnsafePointer<UInt8>>(repeating: x)
    var rowSums = InlineArray<192, Int32>(repeating: 0)
    var startSpan = starts.mutableSpan
    var sumSpan = rowSums.mutableSpan
    startSpan.withUnsafeMutableBufferPointer { starts in
        sumSpan.withUnsafeMutableBufferPointer { sums in
            guard let starts = starts.baseAddress, let sums = sums.baseAddress else { return }
            let runWords = (shape.run + 3) / 4
            var tile = ByteTile(
                starts: UnsafePointer(starts), tapOffsets: tapOffsets, taps: taps, run: shape.run,
                flip: isSigned ? 0x8080_8080 : 0, b: b, panelStep: taps * runWords * 64,
                rowSums: UnsafePointer(sums), ending: ending,
                target: target.advanced(by: rows.lowerBound * stride), stride: stride,
                columns: columns)
            var first = rows.lowerBound
            while first < rows.upperBound {
                let count = min(rowBlock, rows.upperBound - first)
                find(x, shape, first, count, starts)
                if ending.offsets != nil { addRows(tile, count, sums) }
                multiplyBlock(tile, count)
                tile.target = tile.target.advanced(by: count * stride)
                first += count
            }
        }
    }
}

/// The address of each row's window.
private func find(
    _ x: UnsafePointer<UInt8>, _ shape: ConvolutionShape, _ first: Int, _ count: Int,
    _ starts: UnsafeMutablePointer<UnsafePointer<UInt8>>
) {
    var column = first % shape.outputs.2
    for index in 0..<count {
        if index == 0 || column == shape.outputs.2 {
            column = index == 0 ? column : 0
            starts[index] = x + shape.start(ofPixel: first + index)
        } else {
            starts[index] = starts[index - 1] + shape.steps.2
        }
        column += 1
    }
}

/// The sum of each row of A.
private func addRows(_ tile: ByteTile, _ count: Int, _ sums: UnsafeMutablePointer<Int32>) {
    let flip = UInt8(truncatingIfNeeded: tile.flip)
    for row in 0..<count {
        var sum: Int32 = 0
        for tap in 0..<tile.taps {
            let source = tile.starts[row] + tile.tapOffsets[tap]
            for index in 0..<tile.run { sum &+= Int32(source[index] ^ flip) }
        }
        sums[row] = sum
    }
}

/// Some panels stay near the processor while all rows of the block pass.
private func multiplyBlock(_ tile: ByteTile, _ count: Int) {
    var group = tile
    while group.columns > 0 {
        let panels = (group.columns + 15) / 16
        let width = panels >= tilePanels ? tilePanels : panels >= 2 ? 2 : 1
        var part = group
        var row = 0
        while row < count {
            let height = min(tileRows, count - row)
            multiply(part, rows: height, panels: width)
            part.advance(rows: height)
            row += height
        }
        group.advance(panels: width)
    }
}

#if MARTLET_VNNI
    private func multiply(_ tile: ByteTile, rows: Int, panels: Int) {
        switch panels {
        case 1:
            switch rows {
            case 1: multiply_1x16(tile)
            case 2: multiply_2x16(tile)
            case 3: multiply_3x16(tile)
            case 4: multiply_4x16(tile)
            case 5: multiply_5x16(tile)
            default: multiply_6x16(tile)
            }
        case 2:
            switch rows {
            case 1: multiply_1x32(tile)
            case 2: multiply_2x32(tile)
            case 3: multiply_3x32(tile)
            case 4: multiply_4x32(tile)
            case 5: multiply_5x32(tile)
            default: multiply_6x32(tile)
            }
        default:
            switch rows {
            case 1: multiply_1x64(tile)
            case 2: multiply_2x64(tile)
            case 3: multiply_3x64(tile)
            case 4: multiply_4x64(tile)
            case 5: multiply_5x64(tile)
            default: multiply_6x64(tile)
            }
        }
    }

    @inline(never) private func multiply_3x16(_ t: ByteTile) { ByteTileSums<3, 1>.multiply(t) }
    @inline(never) private func multiply_4x16(_ t: ByteTile) { ByteTileSums<4, 1>.multiply(t) }
    @inline(never) private func multiply_5x16(_ t: ByteTile) { ByteTileSums<5, 1>.multiply(t) }
    @inline(never) private func multiply_6x16(_ t: ByteTile) { ByteTileSums<6, 1>.multiply(t) }
    @inline(never) private func multiply_1x32(_ t: ByteTile) { ByteTileSums<1, 2>.multiply(t) }
    @inline(never) private func multiply_2x32(_ t: ByteTile) { ByteTileSums<2, 2>.multiply(t) }
    @inline(never) private func multiply_3x32(_ t: ByteTile) { ByteTileSums<3, 2>.multiply(t) }
    @inline(never) private func multiply_4x32(_ t: ByteTile) { ByteTileSums<4, 2>.multiply(t) }
    @inline(never) private func multiply_5x32(_ t: ByteTile) { ByteTileSums<5, 2>.multiply(t) }
    @inline(never) private func multiply_6x32(_ t: ByteTile) { ByteTileSums<6, 2>.multiply(t) }
    @inline(never) private func multiply_1x64(_ t: ByteTile) { ByteTileSums<1, 4>.multiply(t) }
    @inline(never) private func multiply_2x64(_ t: ByteTile) { ByteTileSums<2, 4>.multiply(t) }
    @inline(never) private func multiply_3x64(_ t: ByteTile) { ByteTileSums<3, 4>.multiply(t) }
    @inline(never) private func multiply_4x64(_ t: ByteTile) { ByteTileSums<4, 4>.multiply(t) }
    @inline(never) private func multiply_5x64(_ t: ByteTile) { ByteTileSums<5, 4>.multiply(t) }
    @inline(never) private func multiply_6x64(_ t: ByteTile) { ByteTileSums<6, 4>.multiply(t) }
#else
    private func multiply(_ tile: ByteTile, rows: Int, panels: Int) {
        rows == 1 ? multiply_1x16(tile) : multiply_2x16(tile)
    }
#endif

@inline(never) private func multiply_1x16(_ t: ByteTile) { ByteTileSums<1, 1>.multiply(t) }
@inline(never) private func multiply_2x16(_ t: ByteTile) { ByteTileSums<2, 1>.multiply(t) }
