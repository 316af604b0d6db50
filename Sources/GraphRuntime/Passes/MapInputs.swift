import Primitives

/// Makes inputs that are maps into tensors, for `DictVectorizer` and `CastMap` of `ai.onnx.ml`.
///
/// A map is one row of the operator's output whose columns have names: the operator is left as a cast,
/// and its input becomes a matrix of any number of rows. What a row leaves out is 0, as the standard
/// has it.
///
/// | operator | columns of the input |
/// |---|---|
/// | DictVectorizer | the vocabulary, by name |
/// | CastMap, SPARSE | the keys 0 to max_map - 1, by name |
/// | CastMap, DENSE | the values in the order of their keys, as many as a request has |
///
/// Strings as values stand in the same columns, without names.
enum MapInputs {
    private static let domain = "ai.onnx.ml"

    /// A `DictVectorizer` or `CastMap` that is left reads a map that no input is, and there are no others.
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        throw OperatorFailure("it reads a map, and only inputs of the model can be maps")
    }

    static func open(_ graph: inout Graph, _ limits: Limits) throws(GraphError) {
        for input in graph.inputs {
            guard case .map(let keys) = graph[input].kind else { continue }
            let readers = graph.nodes.indices.filter { graph.nodes[$0].inputs.contains(input) }
            guard readers.count == 1, let reader = readers.first, !graph.outputs.contains(input),
                graph.nodes[reader].operatorName.domain == domain
            else {
                throw GraphError(
                    "the input '\(graph[input].name)' is a map, which one DictVectorizer or CastMap "
                        + "must read")
            }
            let node = graph.nodes[reader]
            let context = OperatorContext(node: node, constants: [nil])
            do throws(OperatorFailure) {
                try context.requireInputs(1)
                try context.requireOutputs(1)
                let form: Form
                switch node.operatorName.name {
                case "DictVectorizer": form = try vectorizer(context, keys, graph[input].dataType)
                case "CastMap": form = try cast(context, keys)
                default: throw OperatorFailure("it takes no map")
                }
                try context.requireNothingElse()
                guard form.columns ?? 0 <= limits.modelFeaturesMax else {
                    throw OperatorFailure(
                        "it has \(form.columns ?? 0) columns; at most \(limits.modelFeaturesMax) "
                            + "are taken")
                }
                try rewrite(&graph, reader, input, form)
            } catch {
                throw GraphError(error.reason, at: node)
            }
        }
    }

    /// What an operator makes of a map.
    private struct Form {
        /// Names of the columns, if they have any.
        var names: [String] = []
        /// nil where a request decides.
        var columns: Int?
        /// The code of the output's element type in the standard; nil is the map's own.
        var target: Int?
    }

    private static func vectorizer(
        _ context: OperatorContext, _ keys: DataType, _ values: DataType?
    ) throws(OperatorFailure) -> Form {
        let strings = try context.strings("string_vocabulary") ?? []
        let integers = try context.ints("int64_vocabulary") ?? []
        guard strings.isEmpty != integers.isEmpty else {
            throw OperatorFailure("it must have either 'string_vocabulary' or 'int64_vocabulary'")
        }
        guard strings.isEmpty == (keys == .int64) else {
            throw OperatorFailure("its vocabulary has another type than the keys of the map")
        }
        let names = strings.isEmpty ? integers.map { String($0) } : strings
        guard Set(names).count == names.count else {
            throw OperatorFailure("its vocabulary has a key twice")
        }
        return Form(names: names, columns: names.count)
    }

    private static func cast(
        _ context: OperatorContext, _ keys: DataType
    ) throws(OperatorFailure) -> Form {
        guard keys == .int64 else { throw OperatorFailure("the keys of its map must be int64") }
        var form = Form()
        switch try context.string("cast_to") ?? "TO_FLOAT" {
        case "TO_FLOAT": form.target = 1
        case "TO_INT64": form.target = 7
        case "TO_STRING": form.target = 8
        case let other: throw OperatorFailure("its cast_to '\(other)' is none of the standard")
        }
        let count = try context.int("max_map", default: 1)
        switch try context.string("map_form") ?? "DENSE" {
        case "DENSE": break
        case "SPARSE":
            guard count > 0, count <= Limits.standard.modelFeaturesMax else {
                throw OperatorFailure(
                    "its max_map is \(count); it must be from 1 to "
                        + "\(Limits.standard.modelFeaturesMax)")
            }
            form.columns = count
            form.names = (0..<count).map { String($0) }
        case let other: throw OperatorFailure("its map_form '\(other)' is none of the standard")
        }
        return form
    }

    /// The node becomes a cast of a matrix. Numbers that are not float32 come in as float64: rows that
    /// name their values are read in one of the two.
    private static func rewrite(
        _ graph: inout Graph, _ reader: Int, _ input: ValueID, _ form: Form
    ) throws(OperatorFailure) {
        let given: DataType
        let own: Int
        switch graph[input].dataType {
        case .float32: (given, own) = (.float32, 1)
        case .float64: (given, own) = (.float64, 11)
        case .int64: (given, own) = (form.names.isEmpty ? .int64 : .float64, 7)
        case .string: (given, own) = (.string, 8)
        case .float16, .bfloat16, .int8, .int16, .int32, .uint8, .uint16, .uint32, .uint64, .bool,
            nil:
            throw OperatorFailure("the values of its map must be float, double, int64 or string")
        }
        let target = form.target ?? own
        guard let made = CastOperator.dataType(target), let output = graph.nodes[reader].outputs[0]
        else { throw OperatorFailure("nobody reads its output") }
        graph[input].kind = .tensor
        graph[input].dataType = given
        graph[input].shape = [.unknown, form.columns.map { .fixed($0) } ?? .unknown]
        graph[input].columnNames = given == .string ? [] : form.names
        graph[output].dataType = made
        graph[output].shape = nil
        graph.nodes[reader].operatorName = OperatorName(made == given ? "Identity" : "Cast")
        graph.nodes[reader].version = OperatorTable.newest
        graph.nodes[reader].attributes = made == given ? [:] : ["to": .int(target)]
    }
}
