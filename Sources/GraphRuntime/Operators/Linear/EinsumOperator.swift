import Primitives

/// ONNX `Einsum`: sums of products named by the letters of the operands' axes (Einstein's
/// convention), with `...` for axes that are broadcast. Sums are kept in float64, of integers in int64.
final class EinsumOperator: TensorOperator {
    private let terms: [String]
    private let result: String?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1, max: Int.max)
        try context.requireOutputs(1)
        guard let equation = try context.string("equation") else {
            throw OperatorFailure("its attribute 'equation' is missing")
        }
        let text = String(equation.filter { $0 != " " })
        let sides = text.split(separator: ">", omittingEmptySubsequences: false)
        guard sides.count <= 2, sides.count == 1 || sides[0].last == "-" else {
            throw OperatorFailure("the equation '\(equation)' makes no sense")
        }
        let left = sides.count == 2 ? sides[0].dropLast() : sides[0]
        terms = left.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        result = sides.count == 2 ? String(sides[1]) : nil
        guard terms.count == context.inputCount else {
            throw OperatorFailure(
                "the equation '\(equation)' is not for \(context.inputCount) inputs")
        }
    }

    private static let ellipsis: Character = "."

    /// The letters of a term's axes; broadcast axes are numbered from the back as digits.
    private func letters(_ term: String, rank: Int?) throws(OperatorFailure) -> [String] {
        var letters: [String] = []
        let plain = term.filter { $0 != Self.ellipsis }
        var rest = Substring(term)
        while let first = rest.first {
            if first == Self.ellipsis {
                guard rest.hasPrefix("...") else {
                    throw OperatorFailure("the term '\(term)' makes no sense")
                }
                rest = rest.dropFirst(3)
                let open = (rank ?? 0) - plain.count
                guard open >= 0 else {
                    throw OperatorFailure("the term '\(term)' has too many axes")
                }
                for index in 0..<open { letters.append("\(open - 1 - index)") }
            } else {
                guard first.isASCII, first.isLetter else {
                    throw OperatorFailure("the term '\(term)' makes no sense")
                }
                letters.append(String(first))
                rest = rest.dropFirst()
            }
        }
        guard rank == nil || letters.count == rank else {
            throw OperatorFailure("the term '\(term)' is not for \(rank ?? 0) axes")
        }
        return letters
    }

    private struct Layout {
        var sizes: [String: Int] = [:]
        var operands: [[String]] = []
        var output: [String] = []
        var summed: [String] = []
    }

    private func layout(_ shapes: [[Int]]) throws(OperatorFailure) -> Layout {
        var layout = Layout()
        var counts: [String: Int] = [:]
        for (term, shape) in zip(terms, shapes) {
            let letters = try letters(term, rank: shape.count)
            layout.operands.append(letters)
            for (letter, size) in zip(letters, shape) {
                let known = layout.sizes[letter] ?? 1
                guard known == size || known == 1 || size == 1 else {
                    throw OperatorFailure("the axis '\(letter)' is \(known) and \(size)")
                }
                layout.sizes[letter] = known == 1 ? size : known
                counts[letter, default: 0] += 1
            }
        }
        let open = layout.sizes.keys.compactMap { Int($0) }.max().map { $0 + 1 } ?? 0
        let broadcast = (0..<open).map { "\(open - 1 - $0)" }
        if let result {
            let plain = result.count { $0 != Self.ellipsis }
            let hasOpen = result.contains(Self.ellipsis)
            layout.output = try letters(result, rank: plain + (hasOpen ? open : 0))
        } else {
            layout.output =
                broadcast + counts.filter { $0.value == 1 && Int($0.key) == nil }.keys.sorted()
        }
        guard Set(layout.output).count == layout.output.count,
            layout.output.allSatisfy({ layout.sizes[$0] != nil })
        else { throw OperatorFailure("its result names an axis twice, or one that is nowhere") }
        layout.summed = layout.sizes.keys.filter { !layout.output.contains($0) }.sorted()
        return layout
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(
            0, oneOf: DataType.numbers + [.float16, .bfloat16], "its first input")
        for index in 1..<max(inputs.count, 1) { try inputs.requireSameType(0, index) }
        let layout = try layout((0..<inputs.count).map { inputs[$0].shape })
        return [ValueInfo(type, layout.output.map { layout.sizes[$0] ?? 1 })]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        let tensors = inputs.compactMap { $0 }
        let layout = try layout(tensors.map(\.shape))
        let order = layout.output + layout.summed
        let sizes = order.map { layout.sizes[$0] ?? 1 }
        guard let total = Shape.elementCount(sizes) else {
            throw OperatorFailure("it sums over more than a tensor may hold")
        }
        // How far each operand moves along each axis of the walk.
        var strides: [[Int]] = []
        for (letters, tensor) in zip(layout.operands, tensors) {
            let own = Shape.strides(tensor.shape)
            strides.append(
                order.map { letter in
                    letters.indices.reduce(0) { sum, axis in
                        letters[axis] == letter && tensor.shape[axis] > 1 ? sum + own[axis] : sum
                    }
                })
        }
        let outShape = Array(sizes.prefix(layout.output.count))
        let inner = sizes.suffix(layout.summed.count).reduce(1, *)
        let type = tensors[0].dataType
        if tensors.allSatisfy({ $0.wholeNumbers != nil }) {
            let values = tensors.map { $0.wholeNumbers ?? [] }
            var sums = Array(repeating: 0, count: outShape.reduce(1, *))
            Self.walk(sizes, strides, total) { place, offsets in
                var product = 1
                for index in values.indices { product &*= values[index][offsets[index]] }
                sums[place / inner] &+= product
            }
            let whole = Tensor(shape: outShape, integers: sums)
            return [type == .int64 ? whole : Tensor(type, shape: outShape, reals: whole.reals)]
        }
        let values = tensors.map(\.reals)
        var sums = Array(repeating: 0.0, count: outShape.reduce(1, *))
        Self.walk(sizes, strides, total) { place, offsets in
            var product = 1.0
            for index in values.indices { product *= values[index][offsets[index]] }
            sums[place / inner] += product
        }
        return [Tensor(type, shape: outShape, reals: sums)]
    }

    private static func walk(
        _ sizes: [Int], _ strides: [[Int]], _ total: Int, _ body: (Int, [Int]) -> Void
    ) {
        var counters = sizes.map { _ in 0 }
        var offsets = strides.map { _ in 0 }
        for place in 0..<total {
            body(place, offsets)
            var axis = sizes.count - 1
            while axis >= 0 {
                counters[axis] += 1
                for index in offsets.indices { offsets[index] += strides[index][axis] }
                if counters[axis] < sizes[axis] { break }
                for index in offsets.indices {
                    offsets[index] -= strides[index][axis] * sizes[axis]
                }
                counters[axis] = 0
                axis -= 1
            }
        }
    }
}

/// ONNX `Det`: the determinant of each square matrix, by elimination with row exchanges, in float64.
final class DeterminantOperator: TensorOperator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        let shape = inputs[0].shape
        guard shape.count >= 2, shape[shape.count - 1] == shape[shape.count - 2] else {
            throw OperatorFailure("it takes square matrices, not \(Shape.text(shape))")
        }
        return [ValueInfo(type, Array(shape.dropLast(2)))]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let n = x.shape.last else {
            throw OperatorFailure("its input is left out")
        }
        let values = x.reals
        let shape = Array(x.shape.dropLast(2))
        let made = (0..<shape.reduce(1, *)).map { index in
            Self.determinant(Array(values[index * n * n..<(index + 1) * n * n]), n)
        }
        return [Tensor(x.dataType, shape: shape, reals: made)]
    }

    private static func determinant(_ matrix: [Double], _ n: Int) -> Double {
        var a = matrix
        var result = 1.0
        for column in 0..<n {
            var pivot = column
            for row in column..<n
            where a[row * n + column].magnitude > a[pivot * n + column].magnitude {
                pivot = row
            }
            if a[pivot * n + column] == 0 { return 0 }
            if pivot != column {
                for place in 0..<n { a.swapAt(pivot * n + place, column * n + place) }
                result = -result
            }
            result *= a[column * n + column]
            for row in column + 1..<max(n, column + 1) {
                let factor = a[row * n + column] / a[column * n + column]
                for place in column..<n { a[row * n + place] -= factor * a[column * n + place] }
            }
        }
        return result
    }
}
