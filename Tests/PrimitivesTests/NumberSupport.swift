import Primitives

func double(_ text: String) -> Double? {
    let bytes = Array(text.utf8)
    var reader = JSONReader(bytes.span)
    do {
        let value = try reader.readDouble()
        try reader.expectEnd()
        return value
    } catch { return nil }
}

func float(_ text: String) -> Float? {
    let bytes = Array(text.utf8)
    var reader = JSONReader(bytes.span)
    do {
        let value = try reader.readFloat()
        try reader.expectEnd()
        return value
    } catch { return nil }
}

func shortest(_ value: Double) -> String {
    var buffer = ByteBuffer()
    buffer.append(shortest: value)
    return text(buffer.span)
}

func shortest(_ value: Float) -> String {
    var buffer = ByteBuffer()
    buffer.append(shortest: value)
    return text(buffer.span)
}

struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
