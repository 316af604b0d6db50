import Primitives

/// ONNX `NonMaxSuppression`: of boxes that overlap much, the one with the best score; a class and an
/// image at a time. Gives image, class and box of each that is kept, best first.
final class NonMaxSuppressionOperator: TensorOperator {
    private let isCentered: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2, max: 5)
        try context.requireOutputs(1)
        isCentered = try context.flag("center_point_box", default: false)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        func number(_ index: Int) -> Double? {
            index < inputs.count ? inputs[index]?.oneReal : nil
        }
        guard let boxes = inputs[0], let scores = inputs[1], boxes.shape.count == 3,
            scores.shape.count == 3, boxes.shape[2] == 4, scores.shape[0] == boxes.shape[0],
            scores.shape[2] == boxes.shape[1], boxes.dataType.isFloat, scores.dataType.isFloat
        else { throw OperatorFailure("its boxes and scores do not fit") }
        let countMax = number(2) ?? 0
        let overlapMax = number(3) ?? 0
        let scoreMin = number(4)
        let corners = self.corners(boxes.reals)
        let values = scores.reals
        let count = boxes.shape[1]
        var kept: [Int] = []
        for image in 0..<boxes.shape[0] {
            for category in 0..<scores.shape[1] {
                let start = (image * scores.shape[1] + category) * count
                let order = (0..<count).filter { index in
                    scoreMin.map { values[start + index] > $0 } ?? true
                }.sorted { a, b in
                    let (first, second) = (values[start + a], values[start + b])
                    return first == second ? a < b : first > second
                }
                var chosen: [Int] = []
                for index in order where Double(chosen.count) < countMax {
                    let box = corners[image * count + index]
                    let isFree = chosen.allSatisfy { other in
                        box.overlap(corners[image * count + other]) <= overlapMax
                    }
                    if isFree { chosen.append(index) }
                }
                for index in chosen { kept += [image, category, index] }
            }
        }
        return [Tensor(shape: [kept.count / 3, 3], integers: kept)]
    }

    private struct Box {
        let (top, left, bottom, right): (Double, Double, Double, Double)

        var area: Double { (bottom - top) * (right - left) }

        /// The area in both by the area in either.
        func overlap(_ other: Box) -> Double {
            let height = min(bottom, other.bottom) - max(top, other.top)
            let width = min(right, other.right) - max(left, other.left)
            guard height > 0, width > 0, area > 0, other.area > 0 else { return 0 }
            return height * width / (area + other.area - height * width)
        }
    }

    private func corners(_ values: [Double]) -> [Box] {
        (0..<values.count / 4).map { index in
            let v = values[index * 4..<index * 4 + 4].map { $0 }
            if isCentered {
                return Box(
                    top: v[1] - v[3] / 2, left: v[0] - v[2] / 2, bottom: v[1] + v[3] / 2,
                    right: v[0] + v[2] / 2)
            }
            return Box(
                top: min(v[0], v[2]), left: min(v[1], v[3]), bottom: max(v[0], v[2]),
                right: max(v[1], v[3]))
        }
    }
}
