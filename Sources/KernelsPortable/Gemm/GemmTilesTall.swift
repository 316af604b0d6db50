// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Micro-kernels, named rows × columns. Each keeps up to twelve registers of sums, so that with two
// fused multiply-adds a cycle of latency four none waits for the one before; tiles of few rows span
// several panels for the same reason. In all of them a sum runs over k in order: the tile does not
// show in the result.

@inline(never)
func gemmF32_6x16(_ t: GemmTile) {
    var s00 = t.open(row: 0, panel: 0)
    var s10 = t.open(row: 1, panel: 0)
    var s20 = t.open(row: 2, panel: 0)
    var s30 = t.open(row: 3, panel: 0)
    var s40 = t.open(row: 4, panel: 0)
    var s50 = t.open(row: 5, panel: 0)
    let a0 = t.a
    let a1 = t.a + t.lda
    let a2 = t.a + 2 * t.lda
    let a3 = t.a + 3 * t.lda
    let a4 = t.a + 4 * t.lda
    let a5 = t.a + 5 * t.lda
    var b0 = t.panel(0)
    var ahead = t.ahead
    for k in 0..<t.k {
        GemmTile.prefetch(ahead)
        let w = Strip(low: load(b0), high: load(b0 + 8))
        s00.add(F8(repeating: a0[k]), w)
        s10.add(F8(repeating: a1[k]), w)
        s20.add(F8(repeating: a2[k]), w)
        s30.add(F8(repeating: a3[k]), w)
        s40.add(F8(repeating: a4[k]), w)
        s50.add(F8(repeating: a5[k]), w)
        b0 += t.bStep
        ahead += t.aheadStep
    }
    if let end = PlainEnd(t) {
        end.close(s00, row: 0)
        end.close(s10, row: 1)
        end.close(s20, row: 2)
        end.close(s30, row: 3)
        end.close(s40, row: 4)
        end.close(s50, row: 5)
        return
    }
    t.close(s00, row: 0, panel: 0)
    t.close(s10, row: 1, panel: 0)
    t.close(s20, row: 2, panel: 0)
    t.close(s30, row: 3, panel: 0)
    t.close(s40, row: 4, panel: 0)
    t.close(s50, row: 5, panel: 0)
}

@inline(never)
func gemmF32_5x16(_ t: GemmTile) {
    var s00 = t.open(row: 0, panel: 0)
    var s10 = t.open(row: 1, panel: 0)
    var s20 = t.open(row: 2, panel: 0)
    var s30 = t.open(row: 3, panel: 0)
    var s40 = t.open(row: 4, panel: 0)
    let a0 = t.a
    let a1 = t.a + t.lda
    let a2 = t.a + 2 * t.lda
    let a3 = t.a + 3 * t.lda
    let a4 = t.a + 4 * t.lda
    var b0 = t.panel(0)
    var ahead = t.ahead
    for k in 0..<t.k {
        GemmTile.prefetch(ahead)
        let w = Strip(low: load(b0), high: load(b0 + 8))
        s00.add(F8(repeating: a0[k]), w)
        s10.add(F8(repeating: a1[k]), w)
        s20.add(F8(repeating: a2[k]), w)
        s30.add(F8(repeating: a3[k]), w)
        s40.add(F8(repeating: a4[k]), w)
        b0 += t.bStep
        ahead += t.aheadStep
    }
    if let end = PlainEnd(t) {
        end.close(s00, row: 0)
        end.close(s10, row: 1)
        end.close(s20, row: 2)
        end.close(s30, row: 3)
        end.close(s40, row: 4)
        return
    }
    t.close(s00, row: 0, panel: 0)
    t.close(s10, row: 1, panel: 0)
    t.close(s20, row: 2, panel: 0)
    t.close(s30, row: 3, panel: 0)
    t.close(s40, row: 4, panel: 0)
}

@inline(never)
func gemmF32_4x16(_ t: GemmTile) {
    var s00 = t.open(row: 0, panel: 0)
    var s10 = t.open(row: 1, panel: 0)
    var s20 = t.open(row: 2, panel: 0)
    var s30 = t.open(row: 3, panel: 0)
    let a0 = t.a
    let a1 = t.a + t.lda
    let a2 = t.a + 2 * t.lda
    let a3 = t.a + 3 * t.lda
    var b0 = t.panel(0)
    var ahead = t.ahead
    for k in 0..<t.k {
        GemmTile.prefetch(ahead)
        let w = Strip(low: load(b0), high: load(b0 + 8))
        s00.add(F8(repeating: a0[k]), w)
        s10.add(F8(repeating: a1[k]), w)
        s20.add(F8(repeating: a2[k]), w)
        s30.add(F8(repeating: a3[k]), w)
        b0 += t.bStep
        ahead += t.aheadStep
    }
    if let end = PlainEnd(t) {
        end.close(s00, row: 0)
        end.close(s10, row: 1)
        end.close(s20, row: 2)
        end.close(s30, row: 3)
        return
    }
    t.close(s00, row: 0, panel: 0)
    t.close(s10, row: 1, panel: 0)
    t.close(s20, row: 2, panel: 0)
    t.close(s30, row: 3, panel: 0)
}
