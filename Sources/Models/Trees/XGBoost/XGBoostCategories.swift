import Primitives

/// The names of the categories that XGBoost 3.1 and later keep of a data frame
/// (`gradient_booster.model.cats`).
enum XGBoostCategories {
    /// One list a feature, or none when the file keeps none.
    static func read(
        _ booster: DocumentPlace, featureCount: Int
    ) throws(ModelLoadError) -> [[String]] {
        var model = try booster.optional("model")
        if model == nil { model = try booster.optional("gbtree")?.optional("model") }
        guard let encodings = try model?.optional("cats")?.optional("enc") else { return [] }
        let places = try encodings.elements()
        if places.isEmpty { return [] }
        guard places.count == featureCount else {
            throw encodings.failure("it has \(places.count) entries for \(featureCount) features")
        }
        var result: [[String]] = []
        for place in places {
            let values = try place.member("values").numbers()
            guard let offsets = try place.optional("offsets") else {
                result.append(values.map { Self.text($0) })
                continue
            }
            result.append(try strings(values, offsets))
        }
        return result
    }

    /// Strings as Apache Arrow has them: all bytes, and where each begins.
    private static func strings(
        _ values: [Double], _ offsets: DocumentPlace
    ) throws(ModelLoadError) -> [String] {
        let starts = try offsets.integers(0...values.count)
        var result: [String] = []
        for index in 0..<max(starts.count - 1, 0) {
            guard starts[index] <= starts[index + 1] else {
                throw offsets.failure("offset \(index + 1) is below the one before it")
            }
            var bytes: [UInt8] = []
            for value in values[starts[index]..<starts[index + 1]] {
                // XGBoost writes signed bytes.
                guard let byte = Int(exactly: value), (-128...255).contains(byte) else {
                    throw offsets.failure("category \(index) holds \(value), which is no byte")
                }
                bytes.append(UInt8(truncatingIfNeeded: byte))
            }
            result.append(String(decoding: bytes, as: UTF8.self))
        }
        return result
    }

    /// A number as JSON writes it.
    static func text(_ value: Double) -> String {
        if let integer = Int(exactly: value) { return String(integer) }
        return String(value)
    }
}
