/// One operator of the table: its name, the versions of its domain it is built for, and how.
struct OperatorEntry: Sendable {
    let name: OperatorName
    let versions: ClosedRange<Int>
    let make: @Sendable (OperatorContext) throws(OperatorFailure) -> any Operator

    init(
        _ name: String, _ versions: ClosedRange<Int>, domain: String = "",
        _ make: @escaping @Sendable (OperatorContext) throws(OperatorFailure) -> any Operator
    ) {
        self.name = OperatorName(name, domain: domain)
        self.versions = versions
        self.make = make
    }

    /// An operator of the standard, from a version on.
    static func of(
        _ name: String, _ since: Int,
        _ make: @escaping @Sendable (OperatorContext) throws(OperatorFailure) -> any Operator
    ) -> OperatorEntry {
        OperatorEntry(name, since...OperatorTable.newest, make)
    }

    /// The same for an operator on float32 that takes the 16-bit floats, too (`HalfOperator`).
    static func half(
        _ name: String, _ since: Int,
        _ make: @escaping @Sendable (OperatorContext) throws(OperatorFailure) -> any Operator
    ) -> OperatorEntry {
        OperatorEntry(name, since...OperatorTable.newest) {
            context throws(OperatorFailure) -> any Operator in HalfOperator(try make(context))
        }
    }

    /// A function of each element, computed in float64.
    static func pointwise(
        _ name: String, _ since: Int, _ function: @escaping @Sendable (Double) -> Double
    ) -> OperatorEntry {
        half(name, since) { context throws(OperatorFailure) -> any Operator in
            try PointwiseOperator(context, function)
        }
    }
}

/// Every operator this runtime knows. To add one: write its file in `Operators/`, add its line to
/// its family's list (`OperatorTable+Elementwise.swift`, …).
struct OperatorTable: Sendable {
    /// The newest version of the standard's domain whose operators were checked against ours
    /// (package onnx 1.23).
    static let newest = 28
    /// The same for `ai.onnx.ml`.
    static let newestML = 5

    static let standard = OperatorTable(entries)

    private let entriesByName: [OperatorName: [OperatorEntry]]

    init(_ entries: [OperatorEntry]) {
        entriesByName = Dictionary(grouping: entries, by: \.name)
    }

    /// Throws when the node's operator is unknown or known only in other versions.
    func check(_ node: Node) throws(GraphError) { _ = try find(node) }

    func find(_ node: Node) throws(GraphError) -> OperatorEntry {
        guard let entries = entriesByName[node.operatorName] else {
            throw GraphError(
                "the operator \(node.operatorName.name) of \(node.operatorName.domainTitle) is not "
                    + "supported", at: node)
        }
        if let entry = entries.first(where: { $0.versions.contains(node.version) }) {
            return entry
        }
        let known = entries.map { "\($0.versions.lowerBound) to \($0.versions.upperBound)" }
        throw GraphError(
            "version \(node.version) of \(node.operatorName.domainTitle) is not supported for "
                + "\(node.operatorName.name); supported: \(known.joined(separator: ", "))",
            at: node)
    }

    /// Names of all operators, for the documentation and its test.
    var names: [OperatorName] { entriesByName.keys.sorted { $0.description < $1.description } }
}
