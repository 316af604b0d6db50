import GraphRuntime
import Models
import ONNXProto
import Primitives
import SwiftProtobuf
import Testing

@Test func errorsNameTheFileTheNodeTheOperatorAndItsVersion() throws {
    var proto = ONNXFixture.network()
    proto.graph.node[1].opType = "Frobnicate"
    let error = try #require(refusal(proto))
    #expect(
        error.description.hasPrefix(
            "fixture.onnx: node 1 'the Add' (Frobnicate, ai.onnx 17): the operator"))
}

@Test func brokenModelsAreRefused() throws {
    let changes: [(String, (inout Onnx_ModelProto) -> Void)] = [
        ("'w'", { $0.graph.initializer.removeFirst() }),
        ("imports no version", { $0.opsetImport.removeFirst() }),
        ("version 99", { $0.opsetImport[0].version = 99 }),
        ("version 3", { $0.opsetImport[0].version = 3 }),
        ("twice", { $0.graph.initializer.append($0.graph.initializer[0]) }),
        ("second time", { $0.graph.node.append($0.graph.node[0]) }),
        ("negative", { $0.graph.initializer[0].dims = [-3, -2] }),
        ("larger than", { $0.graph.initializer[0].dims = [.max, .max] }),
        ("larger than", { $0.graph.initializer[0].dims = [1 << 32, 1 << 32, 0] }),
        ("its shape says 12", { $0.graph.initializer[0].dims = [4, 3] }),
        ("bytes", { $0.graph.initializer[0].rawData = .init([1, 2, 3]) }),
        ("another file", { $0.graph.initializer[0].dataLocation = .external }),
        ("element type 77", { $0.graph.initializer[0].dataType = 77 }),
        ("no outputs", { $0.graph.output = [] }),
        ("no node makes", { $0.graph.output[0].name = "elsewhere" }),
        ("cycle", { $0.graph.node[0].input[0] = "y" }),
        ("only tensors", { $0.graph.input[0].type.value = nil }),
        ("no shape", { $0.graph.input[0].type.tensorType.clearShape() }),
        ("columns", { $0.graph.input[0] = ONNXFixture.value("x", [nil, 5]) }),
        ("larger than", { $0.graph.input[0] = ONNXFixture.value("x", [.max, .max]) }),
        ("no attribute", { $0.graph.node[0].attribute = [ONNXFixture.ints("perm", [0])] }),
        ("'axis' must be an int", { $0.graph.node[2].attribute = [ONNXFixture.ints("axis", [0])] }),
        ("2 inputs", { $0.graph.node[2].input.append("b") }),
        ("left out", { $0.graph.node[1].input = ["", "b"] }),
    ]
    for (words, change) in changes {
        var proto = ONNXFixture.network()
        change(&proto)
        let error = refusal(proto)
        #expect(
            error?.description.contains(words) == true, "\(words): \(String(describing: error))")
    }
}

/// The passes' own operators are not a file's to name: a ByteMap without inputs ended the server.
@Test func operatorsOfThePassesAreRefusedInAFile() throws {
    var proto = ONNXFixture.network()
    var domain = Onnx_OperatorSetIdProto()
    (domain.domain, domain.version) = ("martlet", 1)
    proto.opsetImport.append(domain)
    proto.graph.node[1].domain = "martlet"
    for name in ["ByteMap", "BytePair", "Conv", "Attention"] {
        proto.graph.node[1].opType = name
        let error = try #require(refusal(proto))
        #expect(error.description.contains("the operator \(name) of martlet is not supported"))
    }
}

@Test func absurdTreesAreRefused() {
    func replacing(_ name: String, _ values: [Int64]) -> Onnx_ModelProto {
        ONNXFixture.tree { node in
            guard let index = node.attribute.firstIndex(where: { $0.name == name }) else { return }
            node.attribute[index] = ONNXFixture.ints(name, values)
        }
    }
    let models = [
        replacing("nodes_truenodeids", [0, 0, 0]),  // Its own child.
        replacing("nodes_truenodeids", [2, 0, 0]),  // Two ways to one leaf.
        replacing("nodes_truenodeids", [7, 0, 0]),
        replacing("nodes_truenodeids", [.min, 0, 0]),
        replacing("nodes_featureids", [.max, 0, 0]),
        replacing("nodes_featureids", [-1, 0, 0]),
        replacing("nodes_featureids", [3, 0, 0]),
        replacing("nodes_nodeids", [0, 0, 2]),
        replacing("nodes_nodeids", [0, 1]),
        replacing("nodes_treeids", []),
        replacing("nodes_treeids", [0, 1, 2]),
        replacing("class_ids", [0, 1, 2, 3]),
        replacing("class_ids", [.max, 0, 0, 0]),
        replacing("class_nodeids", [0, 1, 2, 2]),
        replacing("class_treeids", [5, 0, 0, 0]),
    ]
    for (index, proto) in models.enumerated() {
        #expect(refusal(proto)?.place.contains("TreeEnsembleClassifier") == true, "\(index)")
    }
}

@Test func aDeepTreeAndALongChainAreReadWithoutRecursion() throws {
    let depth = 100_000
    let ids = (0...Int64(2 * depth)).map { $0 }
    let isBranch = ids.map { $0 < Int64(2 * depth) && $0 % 2 == 0 }
    let proto = ONNXFixture.tree { node in
        node.attribute = [
            ONNXFixture.ints("nodes_treeids", ids.map { _ in 0 }),
            ONNXFixture.ints("nodes_nodeids", ids),
            ONNXFixture.ints("nodes_featureids", ids.map { _ in 0 }),
            ONNXFixture.floats("nodes_values", ids.map { Float($0) }),
            ONNXFixture.strings("nodes_modes", isBranch.map { $0 ? "BRANCH_LEQ" : "LEAF" }),
            ONNXFixture.ints("nodes_truenodeids", ids.map { $0 + 1 }),
            ONNXFixture.ints("nodes_falsenodeids", ids.map { $0 + 2 }),
            ONNXFixture.ints("class_treeids", [0, 0]),
            ONNXFixture.ints("class_nodeids", [1, Int64(2 * depth)]),
            ONNXFixture.ints("class_ids", [0, 1]),
            ONNXFixture.floats("class_weights", [1, 1]),
            ONNXFixture.strings("classlabels_strings", ["first", "last"]),
        ]
    }
    let model = try load(proto)
    let input = Tensor(.float32, shape: [2, 3], [-1, 0, 0, 1e9, 0, 0] as [Float])
    #expect(try model.run([input])[0].strings == ["first", "last"])

    let count = 20_000
    let nodes = (0..<count).map {
        ONNXFixture.node("Relu", [$0 == 0 ? "x" : "v\($0 - 1)"], ["v\($0)"])
    }
    // In reverse: the reader has to sort them.
    let chain = ONNXFixture.model(
        nodes.reversed(), inputs: [ONNXFixture.value("x", [nil, 1])],
        outputs: [ONNXFixture.value("v\(count - 1)", [nil, 1])])
    #expect(try load(chain).signature.batchDimension == .dynamic)
}

@Test func truncatedAndDamagedFilesNeverCrash() throws {
    var state: UInt64 = 42
    func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
    for proto in [ONNXFixture.network(), ONNXFixture.tree()] {
        let bytes = try ONNXFixture.bytes(proto)
        for count in 0..<bytes.count { tryToRun(Array(bytes[..<count])) }
        for _ in 0..<3000 {
            var damaged = bytes
            for _ in 0...random(3) {
                let place = random(bytes.count)
                switch random(3) {
                case 0: damaged[place] = UInt8(random(256))
                case 1: damaged[place] ^= 1 << UInt8(random(8))
                default: damaged[place] = [0, 0x7F, 0x80, 0xFF][random(4)]
                }
            }
            tryToRun(damaged)
        }
    }
}

/// Loads and runs whatever loads; that nothing traps is the test.
private func tryToRun(_ bytes: [UInt8]) {
    guard let graph = try? ONNXReader.read(bytes, path: "damaged.onnx"),
        let model = try? ONNXModel(graph, path: "damaged.onnx")
    else { return }
    guard model.shapes(rows: 2).allSatisfy({ $0.reduce(1, *) < 1 << 16 }),
        let plan = try? model.compiled.plan(inputShapes: model.shapes(rows: 2)),
        plan.arenaByteCount < 1 << 24, plan.outputs.allSatisfy({ $0.shape.reduce(1, *) < 1 << 20 })
    else { return }
    let inputs = zip(model.signature.inputs, model.shapes(rows: 2)).map { spec, shape in
        spec.dataType == .string
            ? Tensor(shape: shape, strings: Array(repeating: "", count: shape.reduce(1, *)))
            : Tensor(dataType: spec.dataType, shape: shape)
    }
    _ = try? model.run(inputs)
}

@Test func aMissingFileIsNamed() {
    let error = #expect(throws: ModelLoadError.self) {
        try ONNXModel(path: "/nowhere/model.onnx")
    }
    #expect(error?.description.hasPrefix("/nowhere/model.onnx: ") == true)
}
