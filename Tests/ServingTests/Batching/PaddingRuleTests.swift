import Models
import Primitives
import Serving
import Testing

private let rule = PaddingRule(
    inputs: ["ids"], dimension: 1, value: 9, mask: "mask", buckets: [8, 4, 16])

@Test func aLengthIsPaddedToTheSmallestBucketThatHoldsIt() {
    #expect(
        [0, 1, 4, 5, 8, 9, 16, 17, 100].map { rule.bucket(for: $0) } == [
            4, 4, 4, 8, 8, 16, 16, 17, 100,
        ])
}

@Test func aRuleThatDoesNotFitTheModelSaysWhy() {
    func problem(_ inputs: [TensorSpec], _ rule: PaddingRule = rule) -> String {
        rule.problem(
            with: Signature(inputs: inputs, outputs: [TensorSpec("y", .float32, [-1, 2])]))
            ?? "none"
    }
    let mask = TensorSpec("mask", .int64, [-1, -1])
    #expect(problem([TensorSpec("ids", .int64, [-1, -1]), mask]) == "none")
    #expect(problem([mask]).contains("no input 'ids'"))
    #expect(problem([TensorSpec("ids", .int64, [-1, 4]), mask]).contains("not dynamic"))
    #expect(problem([TensorSpec("ids", .int64, [-1, -1])]).contains("no input 'mask'"))
    #expect(
        problem([TensorSpec("ids", .int64, [-1, -1]), TensorSpec("mask", .int64, [-1, 3])])
            .contains("[batch, length]"))
    #expect(problem([TensorSpec("ids", .string, [-1, -1]), mask]).contains("cannot hold"))
    let large = PaddingRule(inputs: ["ids"], dimension: 1, value: 300, mask: nil, buckets: [4])
    #expect(problem([TensorSpec("ids", .uint8, [-1, -1])], large).contains("cannot hold"))
}
