import Primitives

/// A test of two numbers.
protocol NumberTest: SendableMetatype {
    static func test<T: Number>(_ a: T, _ b: T) -> Bool
}

/// Comparisons of two tensors element by element, with broadcasting. NaN is equal to nothing and
/// neither less nor greater.
enum Comparisons {
    private enum Less: NumberTest {
        static func test<T: Number>(_ a: T, _ b: T) -> Bool { a < b }
    }

    private enum LessOrEqual: NumberTest {
        static func test<T: Number>(_ a: T, _ b: T) -> Bool { a <= b }
    }

    private enum Equal: NumberTest {
        static func test<T: Number>(_ a: T, _ b: T) -> Bool { a == b }
    }

    private enum Greater: NumberTest {
        static func test<T: Number>(_ a: T, _ b: T) -> Bool { a > b }
    }

    private enum GreaterOrEqual: NumberTest {
        static func test<T: Number>(_ a: T, _ b: T) -> Bool { a >= b }
    }

    @Sendable static func less(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try make(context, Less.self)
    }

    @Sendable static func lessOrEqual(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try make(context, LessOrEqual.self)
    }

    @Sendable static func greater(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try make(context, Greater.self)
    }

    @Sendable static func greaterOrEqual(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try make(context, GreaterOrEqual.self)
    }

    /// Equality is there for booleans and strings, too.
    @Sendable static func equal(_ context: OperatorContext) throws(OperatorFailure) -> any Operator
    {
        try make(context, Equal.self, more: [.bool, .string])
    }

    private static func make<Test: NumberTest>(
        _ context: OperatorContext, _ test: Test.Type, more: [DataType] = []
    ) throws(OperatorFailure) -> any Operator {
        try PairOperator(context, types: DataType.numbers + more, result: .bool) {
            places throws(OperatorFailure) in
            switch places.a.dataType {
            case .string: return StringPairStep(places) { $0 == $1 }
            case .bool: return Self.step(places, Test.self, UInt8.self)
            case .float32, .float64, .float16, .bfloat16, .int8, .int16, .int32, .int64, .uint8,
                .uint16, .uint32, .uint64:
                return try places.a.dataType.withNumber { type in
                    func make<T: Number>(_: T.Type) -> any Step {
                        Self.step(places, Test.self, T.self)
                    }
                    return make(type)
                }
            }
        }
    }

    private static func step<Test: NumberTest, T: Number>(
        _ places: PairPlaces, _ test: Test.Type, _ type: T.Type
    ) -> any Step {
        PairStep<T, T, UInt8>(places) { Test.test($0, $1) ? 1 : 0 }
    }
}
