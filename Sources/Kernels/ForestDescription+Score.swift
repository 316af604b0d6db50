import Primitives

extension ForestDescription {
    /// The scores of one row, computed from the description as it stands: the reference that
    /// `KernelSet.forestScores` must agree with bit for bit (after rounding to float32 where that
    /// is the precision). The description must make a `Forest`.
    public func referenceScores(_ row: [Double]) -> [Double] {
        var scores = [Double?](repeating: nil, count: targetCount)
        for tree in trees {
            for vote in tree.votes(row, precision) {
                let target = Int(vote.target)
                let weight = rounded(vote.weight)
                guard let score = scores[target] else {
                    scores[target] = weight
                    continue
                }
                switch aggregate {
                case .sum, .average: scores[target] = score + weight
                case .minimum: scores[target] = min(score, weight)
                case .maximum: scores[target] = max(score, weight)
                }
            }
        }
        return scores.indices.map { target in
            var score = scores[target] ?? 0
            if aggregate == .average && !trees.isEmpty { score /= Double(trees.count) }
            return rounded(score + (baseValues.isEmpty ? 0 : baseValues[target]))
        }
    }

    private func rounded(_ value: Double) -> Double {
        switch precision {
        case .float32: Double(Float(value))
        case .float64: value
        }
    }
}

extension ForestDescription.Tree {
    /// The votes of the leaf that a row reaches.
    func votes(_ row: [Double], _ precision: ForestPrecision) -> [ForestVote] {
        switch nodes[leaf(row, precision)] {
        case .leaf(let votes): return votes
        case .branch: preconditionFailure("a path ends in a leaf")
        }
    }

    /// The leaf that a row reaches.
    public func leaf(_ row: [Double], _ precision: ForestPrecision) -> Int {
        var place = root
        while case .branch(let branch) = nodes[place] {
            place =
                branch.takesTrue(row[branch.feature], precision)
                ? branch.trueChild : branch.falseChild
        }
        return place
    }
}

extension ForestDescription.Branch {
    /// Whether a value goes to `trueChild`.
    func takesTrue(_ value: Double, _ precision: ForestPrecision) -> Bool {
        let isMissing = value.isNaN || (zeroIsMissing && abs(value) <= Double(Float(1e-35)))
        if isMissing && missingGoesTrue { return true }
        switch test {
        case .compare(let comparison, let exact):
            let threshold =
                switch precision {
                case .float32: Double(Float(exact))
                case .float64: exact
                }
            if isMissing { return comparison == .notEqual }
            return switch comparison {
            case .lessOrEqual: value <= threshold
            case .less: value < threshold
            case .greaterOrEqual: value >= threshold
            case .greater: value > threshold
            case .equal: value == threshold
            case .notEqual: value != threshold
            }
        case .category(let set, let truncates):
            guard !isMissing, value >= 0 || (truncates && value > -1), value < 1e9 else {
                return false
            }
            return set.contains(Int(value))
        case .member(let values): return !isMissing && values.contains(value)
        }
    }
}
