import Models
import Primitives
import Telemetry

/// Runs a copied request on a shadow version and measures how its answers differ.
enum ShadowComparison {
    /// A number agrees with another within this part of its size.
    static let tolerance = 1e-4

    static func run(_ job: ShadowJob) {
        let shadow = job.shadow
        guard fits(job) else {
            shadow.metrics.recordShadowFailure()
            return
        }
        let outputs = shadow.makeOutputs(rowCapacity: job.rowCount)
        let batch = TensorBatch(columns: job.inputs, rowCount: job.rowCount)
        let begin = MonotonicClock.nanoseconds
        do throws(PredictionError) {
            var start = 0
            while start < job.rowCount {
                let count = min(shadow.chunkRows, job.rowCount - start)
                let window = batch.window(rowStart: start, rowCount: count)
                var results = TensorBatch(columns: outputs, rowStart: start, rowCount: count)
                try shadow.model.predict(window, into: &results)
                start += count
            }
        } catch {
            shadow.metrics.recordShadowFailure()
            return
        }
        let elapsed = MonotonicClock.nanoseconds &- begin
        let (agreeing, difference) = compare(job, outputs)
        shadow.metrics.recordShadow(
            rows: job.rowCount, agreeing: agreeing, difference: difference, nanoseconds: elapsed)
    }

    /// Whether the shadow takes inputs of the copied request's kind.
    private static func fits(_ job: ShadowJob) -> Bool {
        let signature = job.shadow.signature
        return signature.inputs.count == job.inputs.count
            && zip(signature.inputs, job.inputs).allSatisfy { spec, column in
                let rowShape = signature.rowShape(of: spec)
                return spec.dataType == column.spec.dataType
                    && rowShape.count == column.rowShape.count
                    && zip(rowShape, column.rowShape).allSatisfy { $0 < 0 || $0 == $1 }
            }
    }

    /// How many rows agree, and the largest difference of two numbers. Outputs are compared by name; one
    /// that the shadow does not have, or has in another shape, makes no row agree.
    private static func compare(
        _ job: ShadowJob, _ outputs: [TensorColumn]
    ) -> (agreeing: Int, difference: Double) {
        let pairs = job.outputs.map { output in
            (output, outputs.first { $0.spec.name == output.spec.name })
        }
        // A row agrees when its labels do; without labels, when its highest scores are in the same
        // place; a single number, when it is nearly the same.
        let hasLabels = job.outputs.contains { !isFloat($0.spec.dataType) }
        var agreeing = 0
        var difference = 0.0
        for row in 0..<job.rowCount {
            var agrees = true
            for (expected, found) in pairs {
                guard let found, found.spec.dataType == expected.spec.dataType,
                    found.rowShape == expected.rowShape
                else {
                    agrees = false
                    continue
                }
                if isFloat(expected.spec.dataType) {
                    let (same, most) = compareFloats(expected, found, row: row)
                    difference = max(difference, most)
                    if !hasLabels, !same { agrees = false }
                } else if !isEqual(expected, found, row: row) {
                    agrees = false
                }
            }
            if agrees { agreeing += 1 }
        }
        return (agreeing, difference)
    }

    private static func isFloat(_ type: DataType) -> Bool {
        switch type {
        case .float16, .bfloat16, .float32, .float64: true
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .bool, .string: false
        }
    }

    private static func isEqual(_ a: TensorColumn, _ b: TensorColumn, row: Int) -> Bool {
        let count = a.elementsPerRow
        if a.spec.dataType == .string {
            let range = row * count..<(row + 1) * count
            return a.strings[range] == b.strings[range]
        }
        let bytes = a.bytesPerRow
        let first = a.memory.span(
            as: UInt8.self, byteOffset: row * bytes, count: bytes, owner: a)
        let second = b.memory.span(
            as: UInt8.self, byteOffset: row * bytes, count: bytes, owner: b)
        return first.equals(second)
    }

    private static func compareFloats(
        _ a: TensorColumn, _ b: TensorColumn, row: Int
    ) -> (same: Bool, difference: Double) {
        switch a.spec.dataType {
        case .float64: compare(a, b, row, of: Double.self) { $0 }
        case .float16: compare(a, b, row, of: Float16.self) { Double($0) }
        case .bfloat16:
            compare(a, b, row, of: UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }
        case .float32: compare(a, b, row, of: Float.self) { Double($0) }
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .bool, .string:
            preconditionFailure("floats are compared as numbers, others as bytes")
        }
    }

    private static func compare<T: BitwiseCopyable>(
        _ a: TensorColumn, _ b: TensorColumn, _ row: Int, of type: T.Type,
        _ number: (T) -> Double
    ) -> (same: Bool, difference: Double) {
        let count = a.elementsPerRow
        let first = a.elements(from: row * count, count: count, as: type)
        let second = b.elements(from: row * count, count: count, as: type)
        var most = 0.0
        var highest = (0, 0)
        var isClose = true
        for index in 0..<count {
            let (x, y) = (number(first[index]), number(second[index]))
            if x > number(first[highest.0]) { highest.0 = index }
            if y > number(second[highest.1]) { highest.1 = index }
            guard x != y, !(x.isNaN && y.isNaN) else { continue }
            let difference = (x - y).magnitude
            // NaN against a number, or an infinity: as far apart as can be.
            most = max(most, difference.isNaN ? .infinity : difference)
            if !(difference <= tolerance * max(x.magnitude, y.magnitude)) { isClose = false }
        }
        return (count > 1 ? highest.0 == highest.1 : isClose, most)
    }
}
