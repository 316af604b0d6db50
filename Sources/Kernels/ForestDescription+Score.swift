import Primitives

extension ForestDescription {
    /// The scores of one row, computed from the description as it stands: the reference that
    /// `KernelSet.forestScores` must agree with bit for bit. The description must make a `Forest`.
    public func referenceScores(_ row: [Float]) -> [Float] {
        var scores = [Double?](repeating: nil, count: targetCount)
        for tree in trees {
            for vote in tree.votes(row) {
                let target = Int(vote.target)
                let weight = Double(vote.weight)
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
            return Float(score + Double(baseValues.isEmpty ? 0 : baseValues[target]))
        }
    }
}

extension ForestDescription.Tree {
    /// The votes of the leaf that a row reaches.
    func votes(_ row: [Float]) -> [ForestVote] {
        var place = root
        while true {
            switch nodes[place] {
            case .leaf(let votes): return votes
            case .branch(let branch):
                place = branch.takesTrue(row[branch.feature]) ? branch.trueChild : branch.falseChild
            }
        }
    }
}

extension ForestDescription.Branch {
    /// Whether a value goes to `trueChild`.
    func takesTrue(_ value: Float) -> Bool {
        if missingGoesTrue && value.isNaN { return true }
        return switch comparison {
        case .lessOrEqual: value <= threshold
        case .less: value < threshold
        case .greaterOrEqual: value >= threshold
        case .greater: value > threshold
        case .equal: value == threshold
        case .notEqual: value != threshold
        }
    }
}
