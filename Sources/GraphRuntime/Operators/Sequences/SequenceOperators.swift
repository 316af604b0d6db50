import Primitives

/// ONNX operators on sequences of tensors.
enum SequenceOperators {
    /// ONNX `SequenceEmpty`.
    final class Empty: ValueOperator {
        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(0)
            try context.requireOutputs(1)
            context.ignore("dtype")
        }

        func evaluate(_ inputs: [RuntimeValue?]) -> [RuntimeValue] { [.sequence([])] }
    }

    /// ONNX `SequenceConstruct`: its inputs as a sequence.
    final class Construct: ValueOperator {
        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(1, max: Int.max)
            try context.requireOutputs(1)
        }

        func evaluate(_ inputs: [RuntimeValue?]) throws(OperatorFailure) -> [RuntimeValue] {
            var list: [Tensor] = []
            for input in inputs {
                guard let input else { throw OperatorFailure("an input is left out") }
                list.append(try input.tensor("an element"))
            }
            guard list.allSatisfy({ $0.dataType == list[0].dataType }) else {
                throw OperatorFailure("its elements differ in type")
            }
            return [.sequence(list)]
        }
    }

    /// ONNX `SequenceInsert`: one tensor more, at a place or at the end.
    final class Insert: ValueOperator {
        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(2, max: 3)
            try context.requireOutputs(1)
        }

        func evaluate(_ inputs: [RuntimeValue?]) throws(OperatorFailure) -> [RuntimeValue] {
            var list = try inputs.sequence(0)
            let tensor = try inputs.tensor(1)
            guard list.first.map({ $0.dataType == tensor.dataType }) ?? true else {
                throw OperatorFailure("the element has another type than the sequence")
            }
            let place = try inputs.place(2, count: list.count + 1, length: list.count) ?? list.count
            list.insert(tensor, at: place)
            return [.sequence(list)]
        }
    }

    /// ONNX `SequenceErase`: without the tensor at a place, or the last.
    final class Erase: ValueOperator {
        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(1, max: 2)
            try context.requireOutputs(1)
        }

        func evaluate(_ inputs: [RuntimeValue?]) throws(OperatorFailure) -> [RuntimeValue] {
            var list = try inputs.sequence(0)
            guard !list.isEmpty else { throw OperatorFailure("its sequence is empty") }
            list.remove(at: try inputs.place(1, count: list.count) ?? list.count - 1)
            return [.sequence(list)]
        }
    }

    /// ONNX `SequenceAt`: the tensor at a place.
    final class At: ValueOperator {
        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(2)
            try context.requireOutputs(1)
        }

        func evaluate(_ inputs: [RuntimeValue?]) throws(OperatorFailure) -> [RuntimeValue] {
            let list = try inputs.sequence(0)
            guard let place = try inputs.place(1, count: list.count) else {
                throw OperatorFailure("its position is left out")
            }
            return [.tensor(list[place])]
        }
    }

    /// ONNX `SequenceLength`.
    final class Length: ValueOperator {
        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(1)
            try context.requireOutputs(1)
        }

        func evaluate(_ inputs: [RuntimeValue?]) throws(OperatorFailure) -> [RuntimeValue] {
            [.tensor(Tensor(shape: [], integers: [try inputs.sequence(0).count]))]
        }
    }

    /// ONNX `ConcatFromSequence`: its tensors joined along an axis that is there, or a new one.
    final class Concatenate: ValueOperator {
        private let axis: Int
        private let isNewAxis: Bool

        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(1)
            try context.requireOutputs(1)
            guard let axis = try context.int("axis") else {
                throw OperatorFailure("its attribute 'axis' is missing")
            }
            self.axis = axis
            isNewAxis = try context.flag("new_axis", default: false)
        }

        func evaluate(_ inputs: [RuntimeValue?]) throws(OperatorFailure) -> [RuntimeValue] {
            let list = try inputs.sequence(0)
            return [
                .tensor(
                    isNewAxis
                        ? try Tensor.stacked(list, axis: axis)
                        : try Tensor.concatenated(list, axis: axis))
            ]
        }
    }

    /// ONNX `SplitToSequence`: parts of a tensor along an axis, of given sizes, of one size, or one
    /// element each.
    final class Split: ValueOperator {
        private let axis: Int
        private let keepsDimension: Bool

        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(1, max: 2)
            try context.requireOutputs(1)
            axis = try context.int("axis", default: 0)
            keepsDimension = try context.flag("keepdims", default: true)
        }

        func evaluate(_ inputs: [RuntimeValue?]) throws(OperatorFailure) -> [RuntimeValue] {
            let x = try inputs.tensor(0)
            guard let axis = Shape.axis(axis, rank: x.shape.count) else {
                throw OperatorFailure(
                    "axis \(self.axis) is outside of the shape \(Shape.text(x.shape))")
            }
            let size = x.shape[axis]
            guard inputs.count > 1, inputs[1] != nil else {
                return [
                    .sequence(
                        (0..<size).map { place in
                            let slice = x.slice(place, axis: axis)
                            guard keepsDimension else { return slice }
                            var shape = x.shape
                            shape[axis] = 1
                            return slice.reshaped(shape)
                        })
                ]
            }
            let split = try inputs.tensor(1)
            guard let given = split.wholeNumbers,
                given.allSatisfy({ $0 > 0 || ($0 == 0 && !split.shape.isEmpty) })
            else { throw OperatorFailure("its sizes must be integers, not negative") }
            var sizes = given
            if split.shape.isEmpty {
                sizes = Array(repeating: given[0], count: size / given[0])
                if size % given[0] != 0 { sizes.append(size % given[0]) }
            }
            guard sizes.reduce(0, { $0 &+ $1 }) == size else {
                throw OperatorFailure("its sizes do not add up to \(size)")
            }
            var parts: [Tensor] = []
            var start = 0
            for part in sizes {
                parts.append(x.range(start..<start + part, axis: axis))
                start += part
            }
            return [.sequence(parts)]
        }
    }

    /// ONNX `SequenceMap`: a graph run on each element of a sequence, with other values beside it:
    /// tensors as they are, sequences element by element.
    final class Map: SubgraphOperator {
        private let body: Subgraph

        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(1, max: Int.max)
            try context.requireOutputs(1, max: Int.max)
            var first = context.inputCount
            body = try Subgraph(context, "body", &first)
            guard body.formalCount == context.inputCount, body.outputCount == context.outputCount
            else {
                throw OperatorFailure("its graph does not have the inputs and outputs of the node")
            }
        }

        func evaluate(
            _ inputs: [RuntimeValue?], _ budget: RunBudget
        ) throws(OperatorFailure) -> [RuntimeValue] {
            let count = try inputs.sequence(0).count
            var results: [[Tensor]] = Array(repeating: [], count: body.outputCount)
            for turn in 0..<count {
                var formal: [RuntimeValue] = []
                for index in 0..<body.formalCount {
                    switch inputs[index] {
                    case .sequence(let list)?:
                        guard list.count == count else {
                            throw OperatorFailure("its sequences differ in length")
                        }
                        formal.append(.tensor(list[turn]))
                    case .tensor(let tensor)?: formal.append(.tensor(tensor))
                    case .missing?, nil: throw OperatorFailure("its input \(index) is left out")
                    }
                }
                let made = try body.run(formal, captured: inputs, budget)
                for (index, value) in made.enumerated() {
                    let tensor = try value.tensor("an output of its graph")
                    results[index].append(try budget.kept(tensor))
                }
            }
            return results.map { .sequence($0) }
        }
    }
}

extension [RuntimeValue?] {
    func sequence(_ index: Int) throws(OperatorFailure) -> [Tensor] {
        guard index < count, case .sequence(let list)? = self[index] else {
            throw OperatorFailure("its input \(index) must be a sequence")
        }
        return list
    }

    func tensor(_ index: Int) throws(OperatorFailure) -> Tensor {
        guard index < count, case .tensor(let tensor)? = self[index] else {
            throw OperatorFailure("its input \(index) must be a tensor")
        }
        return tensor
    }

    /// A position among `count`, counted from the end when negative; nil when it is left out.
    fileprivate func place(
        _ index: Int, count: Int, length: Int? = nil
    ) throws(OperatorFailure) -> Int? {
        guard index < self.count, self[index] != nil else { return nil }
        guard let value = try tensor(index).integers?.first else {
            throw OperatorFailure("its position must be int32 or int64")
        }
        // A place to insert at counts from the end of what is there, hence from one less.
        let place = value < 0 ? value &+ (length ?? count) : value
        guard place >= 0, place < count else {
            throw OperatorFailure("position \(value) is outside of \(count) places")
        }
        return place
    }
}

extension Tensor {
    /// The part in a range of an axis.
    func range(_ range: Range<Int>, axis: Int) -> Tensor {
        var result = shape
        result[axis] = range.count
        let inner = shape[(axis + 1)...].reduce(1, *)
        var picks: [Int] = []
        picks.reserveCapacity(result.reduce(1, *))
        for block in 0..<shape[..<axis].reduce(1, *) {
            let start = (block * shape[axis] + range.lowerBound) * inner
            picks += start..<start + range.count * inner
        }
        return picked(picks, shape: result)
    }
}
