import Models
import Primitives
import Testing

private func compare<T: BitwiseCopyable>(
    _ type: DataType, _ values: [T], _ wanted: [T], relative: Double = 0, absolute: Double = 0
) -> TensorComparison {
    TensorComparison(
        Tensor(type, shape: [values.count], values), Tensor(type, shape: [wanted.count], wanted),
        relative: relative, absolute: absolute)
}

@Test func equalTensorsAgreeInEveryType() {
    #expect(
        compare(.float32, [1, .nan, .infinity, -0] as [Float], [1, .nan, .infinity, 0]).agrees)
    #expect(compare(.int64, [Int64.min, 3], [Int64.min, 3]).agrees)
    let words = Tensor(shape: [2], strings: ["a", "b"])
    #expect(TensorComparison(words, words, relative: 0, absolute: 0).agrees)
}

@Test func errorsAreCountedInUnitsOfTheLastPlace() {
    let next = compare(.float32, [Float(1).nextUp], [Float(1)])
    #expect(next.placesMax == 1 && !next.agrees && next.firstMismatch == 0)
    let across = compare(
        .float64, [Double.leastNonzeroMagnitude], [-Double.leastNonzeroMagnitude])
    #expect(across.placesMax == 2)
    // 1 + 2⁻¹⁰ and 1 are neighbours in float16; so are 1 + 2⁻⁷ and 1 in bfloat16.
    #expect(compare(.float16, [UInt16(0x3C01)], [0x3C00]).absoluteErrorMax == 1.0 / 1024)
    #expect(compare(.bfloat16, [UInt16(0x3F81)], [0x3F80]).absoluteErrorMax == 1.0 / 128)
}

@Test func toleranceIsAbsolutePlusRelative() {
    let (values, wanted): ([Float], [Float]) = ([101, 0.5], [100, 0])
    #expect(compare(.float32, values, wanted, relative: 0.011, absolute: 0.5).agrees)
    let strict = compare(.float32, values, wanted, relative: 0.011, absolute: 0.4)
    #expect(strict.mismatchCount == 1 && strict.firstMismatch == 1 && strict.absoluteErrorMax == 1)
}

@Test func aNumberAgainstNaNOrInfinityNeverAgrees() {
    for other in [Float.nan, .infinity] {
        let found = compare(.float32, [1], [other], relative: 1, absolute: 1e30)
        #expect(!found.agrees && found.absoluteErrorMax == .infinity)
    }
}

@Test func integersAndFormsMustBeEqual() {
    #expect(!compare(.uint8, [UInt8(3)], [4], relative: 1, absolute: 9).agrees)
    let other = TensorComparison(
        Tensor(.float32, shape: [1, 2], [Float(0), 0]),
        Tensor(.float32, shape: [2], [Float(0), 0]),
        relative: 1, absolute: 1)
    #expect(!other.agrees && !other.hasSameForm)
}
