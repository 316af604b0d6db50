/// A step of LSTM cells (Hochreiter & Schmidhuber 1997, as ONNX `LSTM` writes it): c = f · c + i · g and
/// h = o · tanh(c), with i, o and f the logistic of their gates and g the tanh of its own.
///
/// A row of `gates` holds the four sums of `hidden` values each, in the order i, o, f, g. `h` and `c`
/// are dense; `c` is read and written.
@inline(never)
public func lstmCellF32(
    _ gates: UnsafePointer<Float>, rows: Int, hidden: Int, c: UnsafeMutablePointer<Float>,
    h: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let line = gates + row * 4 * hidden
        let (cell, state) = (c + row * hidden, h + row * hidden)
        var index = 0
        while index < hidden {
            let count = hidden - index
            if count >= 8 {
                let next = lstmCell(
                    load(line + index), load(line + 2 * hidden + index),
                    load(line + 3 * hidden + index), load(cell + index))
                store(next, cell + index)
                store(
                    logistic(load(line + hidden + index)) * hyperbolicTangent(next), state + index)
            } else {
                let next = lstmCell(
                    load(line + index, count: count), load(line + 2 * hidden + index, count: count),
                    load(line + 3 * hidden + index, count: count),
                    load(cell + index, count: count))
                store(next, cell + index, count: count)
                let open = logistic(load(line + hidden + index, count: count))
                store(open * hyperbolicTangent(next), state + index, count: count)
            }
            index += 8
        }
    }
}

@inline(__always)
private func lstmCell(_ take: F8, _ keep: F8, _ made: F8, _ c: F8) -> F8 {
    multiplyAdd(logistic(take) * hyperbolicTangent(made), logistic(keep), c)
}
