import Serving
import Testing

@Test func staticRowsHaveOneLine() {
    let table = LatencyTable(hasStaticRows: true)
    #expect(table.bucket(elementsPerRow: 4) == 0)
    #expect(table.bucket(elementsPerRow: 1 << 30) == 0)
    #expect(!table.line(bucket: 0).isMeasured)
    table.calibrate(rows1: 1, nanoseconds1: 500, rows2: 3, nanoseconds2: 700)
    #expect(table.nanoseconds(rows: 2) == 600)
    #expect(table.line(bucket: 0).isMeasured)
}

@Test func bucketsGrowWithTheElements() {
    let table = LatencyTable(hasStaticRows: false)
    var last = -1
    for elements in [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 100, 1_000, 1_000_000, .max] {
        let bucket = table.bucket(elementsPerRow: elements)
        #expect(bucket > last, "\(elements)")
        last = bucket
    }
}

@Test func aBucketThatNeverRanTakesItsNeighboursLineScaled() {
    let table = LatencyTable(hasStaticRows: false)
    let short = table.bucket(elementsPerRow: 64)
    let long = table.bucket(elementsPerRow: 128)
    table.calibrate(rows1: 1, nanoseconds1: 1_000, rows2: 2, nanoseconds2: 2_000, bucket: short)
    #expect(abs(table.nanoseconds(rows: 1, bucket: long) - 2_000) < 100)
    for _ in 0..<200 { table.observe(rows: 1, nanoseconds: 9_000, bucket: long) }
    #expect(abs(table.nanoseconds(rows: 1, bucket: long) - 9_000) < 500)
    #expect(abs(table.nanoseconds(rows: 1, bucket: short) - 1_000) < 1)
}

@Test func aLineSaysHowManyRowsFitATime() {
    let line = LatencyLine(base: 1_000, perRow: 100)
    #expect(line.rows(within: 999, chunk: 8) == 0)
    #expect(line.rows(within: 1_250, chunk: 8) == 2)
    #expect(line.rows(within: 1e12, chunk: 8) == 8)
    #expect(line.nanoseconds(rows: 20, chunk: 8) == 5_000)
}
