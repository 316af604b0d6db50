import Kernels
import KernelsPortable
import Primitives
import Testing

/// Every 1,009th float of both signs (4.2 million), then the ends and their neighbours.
private let sweep: [Float] = {
    var values = stride(from: UInt32(0), through: 0xffff_ffff - 1_009, by: 1_009).map {
        Float(bitPattern: $0)
    }
    for end: Float in [
        0, 1, 0.5, 2, 88.722_84, 88.8, 87.3, 103.97, 104, 0.625, 0.707_106_8, .infinity,
        .leastNormalMagnitude, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .nan,
    ] {
        for value in [end, end.nextUp, end.nextDown] { values += [value, -value] }
    }
    return values
}()

/// The greatest distance from the exact value, in units in the last place.
private func error(of function: UnaryFunction, _ kernels: KernelSet) -> (ulps: Int, at: Float) {
    let actual = kernels.applied(function, sweep)
    var worst = (ulps: 0, at: Float(0))
    for (x, y) in zip(sweep, actual) {
        let distance = ulps(y, Reference.unary(function, x))
        if distance > worst.ulps { worst = (distance, x) }
    }
    return worst
}

@Test(
    arguments: KernelSet.all,
    [
        (UnaryFunction.exp, 2), (.log, 2), (.sigmoid, 2), (.tanh, 2), (.erf, 2), (.softplus, 4),
        (.relu, 0),
        (.sqrt, 0), (.abs, 0), (.negate, 0), (.reciprocal, 0), (.floor, 0), (.ceiling, 0),
        (.round, 0), (.sign, 0),
    ])
func unaryStaysWithinItsError(kernels: KernelSet, bound: (function: UnaryFunction, ulps: Int)) {
    let worst = error(of: bound.function, kernels)
    #expect(worst.ulps <= bound.ulps, "\(bound.function) of \(worst.at): \(worst.ulps) ulp")
}

@Test(arguments: KernelSet.all) func unaryEndsAreExact(kernels: KernelSet) {
    let infinity = Float.infinity
    #expect(
        kernels.applied(.exp, [0, infinity, -infinity, 1000, -1000]) == [
            1, infinity, 0, infinity, 0,
        ])
    #expect(kernels.applied(.exp, [-103]) == [Float(bitPattern: 1)])
    #expect(kernels.applied(.log, [1, infinity, 0, -0.0]) == [0, infinity, -infinity, -infinity])
    #expect(kernels.applied(.sigmoid, [0, infinity, -infinity]) == [0.5, 1, 0])
    #expect(kernels.applied(.tanh, [0, infinity, -infinity, 30]) == [0, 1, -1, 1])
    for function in UnaryFunction.allCases {
        #expect(kernels.applied(function, [.nan])[0].isNaN, "\(function)")
    }
    #expect(kernels.applied(.log, [-1])[0].isNaN)
}

/// The vector body and the padded tail give an element the same bits, at every place.
@Test(arguments: KernelSet.all, UnaryFunction.allCases)
func unaryBitsDoNotDependOnThePlace(kernels: KernelSet, function: UnaryFunction) {
    var random = SeededGenerator(7)
    let x = random.floats(41, in: -20...20)
    let whole = kernels.applied(function, x)
    for start in 0..<x.count {
        for count in [0, 1, 7, 8, 9, 17] where start + count <= x.count {
            let part = kernels.applied(function, Array(x[start..<start + count]))
            #expect(bits(part) == bits(whole[start..<start + count]))
        }
    }
    var inPlace = x
    var target = inPlace.mutableSpan
    kernels.unary(function, inPlace: &target)
    #expect(bits(inPlace) == bits(whole))
}

private let odd: [Float] = [
    0, -0.0, 1, -1, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, 3.5, -2.25,
    .greatestFiniteMagnitude,
]

@Test(arguments: KernelSet.all, BinaryFunction.allCases)
func binaryGivesTheReferencesBits(kernels: KernelSet, function: BinaryFunction) {
    var random = SeededGenerator(8)
    for count in [0, 1, 7, 8, 9, 16, 23] {
        let a = (0..<count).map { $0 < 11 ? odd[$0] : Float.random(in: -5...5, using: &random) }
        let b = (0..<count).map { _ in odd.randomElement(using: &random) ?? 0 }
        let expected = zip(a, b).map { Reference.binary(function, $0, $1) }
        var y = [Float](repeating: .nan, count: count)
        do {
            var target = y.mutableSpan
            kernels.binary(function, a: a.span, b: b.span, y: &target)
        }
        expectSame(y, expected)
        var inPlace = a
        do {
            var target = inPlace.mutableSpan
            kernels.binary(function, inPlace: &target, b: b.span)
        }
        expectSame(inPlace, expected)
        for scalar in odd {
            var target = y.mutableSpan
            kernels.binaryScalar(function, a: a.span, scalar: scalar, y: &target)
            expectSame(y, a.map { Reference.binary(function, $0, scalar) })
            var other = y.mutableSpan
            kernels.binaryScalar(function, scalar: scalar, b: b.span, y: &other)
            expectSame(y, b.map { Reference.binary(function, scalar, $0) })
        }
    }
}

/// Equal bits, except that a NaN may be any NaN.
private func expectSame(_ actual: [Float], _ expected: [Float]) {
    #expect(actual.count == expected.count)
    for (left, right) in zip(actual, expected) {
        #expect(left.bitPattern == right.bitPattern || (left.isNaN && right.isNaN))
    }
}

@Test(arguments: KernelSet.all) func aRowIsAppliedToEveryRow(kernels: KernelSet) {
    var random = SeededGenerator(9)
    for (rows, columns) in [(0, 3), (1, 1), (3, 7), (2, 8), (5, 19)] {
        let matrix = random.floats(rows * columns)
        let row = random.floats(columns)
        for rowFirst in [false, true] {
            var expected: [Float] = []
            for index in matrix.indices {
                let (x, v) = (matrix[index], row[index % columns])
                expected.append(rowFirst ? v - x : x - v)
            }
            var y = [Float](repeating: .nan, count: matrix.count)
            do {
                var target = y.mutableSpan
                kernels.binaryRows(
                    .subtract, matrix: matrix.span, rows: rows, columns: columns, row: row.span,
                    rowFirst: rowFirst, y: &target)
            }
            #expect(bits(y) == bits(expected))
            var inPlace = matrix
            do {
                var target = inPlace.mutableSpan
                kernels.binaryRows(
                    .subtract, inPlace: &target, rows: rows, columns: columns, row: row.span,
                    rowFirst: rowFirst)
            }
            #expect(bits(inPlace) == bits(expected))
        }
    }
}

@Test(arguments: KernelSet.all) func clampHoldsValuesBetweenItsBounds(kernels: KernelSet) {
    let x: [Float] = [-5, -1, -0.5, 0, 0.5, 1, 5, .infinity, -.infinity, .nan]
    var y = x
    var target = y.mutableSpan
    kernels.clamp(x.span, low: -1, high: 1, y: &target)
    #expect(Array(y[..<9]) == [-1, -1, -0.5, 0, 0.5, 1, 1, 1, -1])
    #expect(y[9].isNaN)
}

@Test(arguments: KernelSet.all) func geluKeepsItsDigitsOnBothSides(kernels: KernelSet) {
    let values = sweep.filter { $0.isFinite && $0.magnitude < 100 }
    for (x, y) in zip(values, kernels.applied(.gelu, values)) {
        let exact = Reference.unary(.gelu, x)
        // The second part of the fit is within 3e-6 of erfc; beyond -5.6 zero stands for less than 5e-8.
        #expect(abs(y - exact) <= 4e-6 * abs(exact) + 5e-8, "gelu of \(x) is \(y), not \(exact)")
    }
    #expect(kernels.applied(.erf, [0, .infinity, -.infinity]) == [0, 1, -1])
}
