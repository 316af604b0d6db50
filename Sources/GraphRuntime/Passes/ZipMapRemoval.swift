import Primitives

extension Graph {
    /// Turns each `ZipMap` whose maps are an output of the graph into the matrix it was made from,
    /// and keeps its keys as the labels of the classes.
    mutating func removeZipMaps() {
        let producers = producers()
        var readers = Array(repeating: 0, count: values.count)
        for node in nodes { for case let input? in node.inputs { readers[input.index] += 1 } }
        for index in nodes.indices {
            let node = nodes[index]
            guard node.operatorName == OperatorName("ZipMap", domain: "ai.onnx.ml"),
                node.inputs.count == 1, node.outputs.count == 1, let input = node.inputs[0],
                let output = node.outputs[0], readers[output.index] == 0
            else { continue }
            if let labels = node.classLabels("classlabels_int64s", "classlabels_strings") {
                classLabels = labels
            }
            self[output].dataType = self[input].dataType ?? .float32
            self[output].shape = producers[input.index] == nil ? self[input].shape : nil
            nodes[index].operatorName = OperatorName("Identity")
            nodes[index].version = OperatorTable.newest
            nodes[index].attributes = [:]
        }
    }

    /// Finds the labels of a classifier's classes where no ZipMap told them: in the classifier
    /// node, or in the list that an exporter picks labels from.
    mutating func findClassLabels() {
        guard classLabels == nil else { return }
        for node in nodes.reversed() where node.operatorName.domain == "ai.onnx.ml" {
            let found: ClassLabels?
            switch node.operatorName.name {
            case "LinearClassifier", "SVMClassifier":
                found = node.classLabels("classlabels_ints", "classlabels_strings")
            case "TreeEnsembleClassifier":
                found = node.classLabels("classlabels_int64s", "classlabels_strings")
            case "ArrayFeatureExtractor":
                found = node.inputs.first.flatMap { $0 }.flatMap { labelList($0) }
            default: found = nil
            }
            if let found, found.count > 0 {
                classLabels = found
                return
            }
        }
    }

    /// A constant vector as labels.
    private func labelList(_ id: ValueID) -> ClassLabels? {
        guard let constant = self[id].constant, constant.shape.count == 1 else { return nil }
        if constant.dataType == .string { return .strings(constant.strings) }
        return constant.integers.map { .integers($0) }
    }
}

extension Node {
    /// Labels from one of two attributes, when they have the right types.
    fileprivate func classLabels(_ integers: String, _ strings: String) -> ClassLabels? {
        if case .strings(let list)? = attributes[strings], !list.isEmpty { return .strings(list) }
        if case .ints(let list)? = attributes[integers], !list.isEmpty { return .integers(list) }
        return nil
    }
}
