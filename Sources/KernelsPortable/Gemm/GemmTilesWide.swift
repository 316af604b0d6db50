// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Micro-kernels for the last rows of a matrix, and for batches of one to three; see
// GemmTilesTall.swift.

@inline(never)
func gemmF32_3x32(_ t: GemmTile) {
    var s00 = t.open(row: 0, panel: 0)
    var s01 = t.open(row: 0, panel: 1)
    var s10 = t.open(row: 1, panel: 0)
    var s11 = t.open(row: 1, panel: 1)
    var s20 = t.open(row: 2, panel: 0)
    var s21 = t.open(row: 2, panel: 1)
    let a0 = t.a
    let a1 = t.a + t.lda
    let a2 = t.a + 2 * t.lda
    var b0 = t.panel(0)
    var b1 = t.panel(1)
    for k in 0..<t.k {
        // Twelve sums and three values of A leave one register for B.
        let v0 = F8(repeating: a0[k])
        let v1 = F8(repeating: a1[k])
        let v2 = F8(repeating: a2[k])
        s00.add(v0, b0)
        s01.add(v0, b1)
        s10.add(v1, b0)
        s11.add(v1, b1)
        s20.add(v2, b0)
        s21.add(v2, b1)
        b0 += t.bStep
        b1 += t.bStep
    }
    t.close(s00, row: 0, panel: 0)
    t.close(s01, row: 0, panel: 1)
    t.close(s10, row: 1, panel: 0)
    t.close(s11, row: 1, panel: 1)
    t.close(s20, row: 2, panel: 0)
    t.close(s21, row: 2, panel: 1)
}

@inline(never)
func gemmF32_3x16(_ t: GemmTile) {
    var s00 = t.open(row: 0, panel: 0)
    var s10 = t.open(row: 1, panel: 0)
    var s20 = t.open(row: 2, panel: 0)
    let a0 = t.a
    let a1 = t.a + t.lda
    let a2 = t.a + 2 * t.lda
    var b0 = t.panel(0)
    for k in 0..<t.k {
        let w = Strip(low: load(b0), high: load(b0 + 8))
        s00.add(F8(repeating: a0[k]), w)
        s10.add(F8(repeating: a1[k]), w)
        s20.add(F8(repeating: a2[k]), w)
        b0 += t.bStep
    }
    t.close(s00, row: 0, panel: 0)
    t.close(s10, row: 1, panel: 0)
    t.close(s20, row: 2, panel: 0)
}

@inline(never)
func gemmF32_2x48(_ t: GemmTile) {
    var s00 = t.open(row: 0, panel: 0)
    var s01 = t.open(row: 0, panel: 1)
    var s02 = t.open(row: 0, panel: 2)
    var s10 = t.open(row: 1, panel: 0)
    var s11 = t.open(row: 1, panel: 1)
    var s12 = t.open(row: 1, panel: 2)
    let a0 = t.a
    let a1 = t.a + t.lda
    var b0 = t.panel(0)
    var b1 = t.panel(1)
    var b2 = t.panel(2)
    for k in 0..<t.k {
        let v0 = F8(repeating: a0[k])
        let v1 = F8(repeating: a1[k])
        let w0 = Strip(low: load(b0), high: load(b0 + 8))
        s00.add(v0, w0)
        s10.add(v1, w0)
        let w1 = Strip(low: load(b1), high: load(b1 + 8))
        s01.add(v0, w1)
        s11.add(v1, w1)
        let w2 = Strip(low: load(b2), high: load(b2 + 8))
        s02.add(v0, w2)
        s12.add(v1, w2)
        b0 += t.bStep
        b1 += t.bStep
        b2 += t.bStep
    }
    t.close(s00, row: 0, panel: 0)
    t.close(s01, row: 0, panel: 1)
    t.close(s02, row: 0, panel: 2)
    t.close(s10, row: 1, panel: 0)
    t.close(s11, row: 1, panel: 1)
    t.close(s12, row: 1, panel: 2)
}

@inline(never)
func gemmF32_2x16(_ t: GemmTile) {
    var s00 = t.open(row: 0, panel: 0)
    var s10 = t.open(row: 1, panel: 0)
    let a0 = t.a
    let a1 = t.a + t.lda
    var b0 = t.panel(0)
    for k in 0..<t.k {
        let w = Strip(low: load(b0), high: load(b0 + 8))
        s00.add(F8(repeating: a0[k]), w)
        s10.add(F8(repeating: a1[k]), w)
        b0 += t.bStep
    }
    t.close(s00, row: 0, panel: 0)
    t.close(s10, row: 1, panel: 0)
}

@inline(never)
func gemmF32_1x96(_ t: GemmTile) {
    var s00 = t.open(row: 0, panel: 0)
    var s01 = t.open(row: 0, panel: 1)
    var s02 = t.open(row: 0, panel: 2)
    var s03 = t.open(row: 0, panel: 3)
    var s04 = t.open(row: 0, panel: 4)
    var s05 = t.open(row: 0, panel: 5)
    let a0 = t.a
    var b0 = t.panel(0)
    var b1 = t.panel(1)
    var b2 = t.panel(2)
    var b3 = t.panel(3)
    var b4 = t.panel(4)
    var b5 = t.panel(5)
    for k in 0..<t.k {
        let v = F8(repeating: a0[k])
        s00.add(v, b0)
        s01.add(v, b1)
        s02.add(v, b2)
        s03.add(v, b3)
        s04.add(v, b4)
        s05.add(v, b5)
        b0 += t.bStep
        b1 += t.bStep
        b2 += t.bStep
        b3 += t.bStep
        b4 += t.bStep
        b5 += t.bStep
    }
    t.close(s00, row: 0, panel: 0)
    t.close(s01, row: 0, panel: 1)
    t.close(s02, row: 0, panel: 2)
    t.close(s03, row: 0, panel: 3)
    t.close(s04, row: 0, panel: 4)
    t.close(s05, row: 0, panel: 5)
}

@inline(never)
func gemmF32_1x64(_ t: GemmTile) {
    var s00 = t.open(row: 0, panel: 0)
    var s01 = t.open(row: 0, panel: 1)
    var s02 = t.open(row: 0, panel: 2)
    var s03 = t.open(row: 0, panel: 3)
    let a0 = t.a
    var b0 = t.panel(0)
    var b1 = t.panel(1)
    var b2 = t.panel(2)
    var b3 = t.panel(3)
    for k in 0..<t.k {
        let v = F8(repeating: a0[k])
        s00.add(v, b0)
        s01.add(v, b1)
        s02.add(v, b2)
        s03.add(v, b3)
        b0 += t.bStep
        b1 += t.bStep
        b2 += t.bStep
        b3 += t.bStep
    }
    t.close(s00, row: 0, panel: 0)
    t.close(s01, row: 0, panel: 1)
    t.close(s02, row: 0, panel: 2)
    t.close(s03, row: 0, panel: 3)
}

@inline(never)
func gemmF32_1x16(_ t: GemmTile) {
    var s00 = t.open(row: 0, panel: 0)
    let a0 = t.a
    var b0 = t.panel(0)
    for k in 0..<t.k {
        let v = F8(repeating: a0[k])
        s00.add(v, b0)
        b0 += t.bStep
    }
    t.close(s00, row: 0, panel: 0)
}
