import HTTP
import Primitives

/// The formats a prediction's request and answer may have.
public enum PayloadFormat: Sendable, Equatable, CaseIterable {
    case json, npy, csv

    /// What an answer says of itself.
    public var contentType: StaticString {
        switch self {
        case .json: "application/json"
        case .npy: "application/x-npy"
        case .csv: "text/csv; charset=utf-8"
        }
    }

    /// The format a request's body has; nil when it is none of ours (415).
    ///
    /// An empty value stands for a missing header and means JSON. So does
    /// `application/x-www-form-urlencoded`, which curl sends for every `-d` unless told otherwise.
    /// Text in another charset than UTF-8 or its subset US-ASCII is none of ours either (JSON: RFC
    /// 8259 section 8.1).
    public static func of(contentType value: Span<UInt8>) -> PayloadFormat? {
        let type = mediaType(value, 0..<value.count)
        guard let format = named(value, type) else { return nil }
        return format == .npy || isUTF8(value, type.upperBound..<value.count) ? format : nil
    }

    private static func named(_ value: Span<UInt8>, _ type: Range<Int>) -> PayloadFormat? {
        if type.isEmpty { return .json }
        for format in allCases where format.isNamed(value, type) { return format }
        let isForm = Ascii.equalsIgnoringCase(value, type, "application/x-www-form-urlencoded")
        return isForm ? .json : nil
    }

    /// The format an answer should have; nil when the client accepts none of ours (406).
    ///
    /// An empty value stands for a missing header. The highest quality wins (RFC 9110, section
    /// 12.5.1: of the ranges that match a type, the most specific one decides), then JSON.
    public static func accepted(_ value: Span<UInt8>) -> PayloadFormat? {
        if Ascii.trimmed(value, 0..<value.count).isEmpty { return .json }
        var best: PayloadFormat?
        var bestQuality = 0
        for format in allCases {
            let quality = format.quality(in: value)
            if quality > bestQuality {
                best = format
                bestQuality = quality
            }
        }
        return best
    }

    /// Whether every `charset` among the parameters (RFC 9110 section 8.3.2) is one that UTF-8 reads.
    private static func isUTF8(_ value: Span<UInt8>, _ parameters: Range<Int>) -> Bool {
        var isUTF8 = true
        Ascii.forEachParameter(value, parameters, "charset=") { charset in
            isUTF8 = isUTF8 && isUTF8Name(value, charset)
        }
        return isUTF8
    }

    private static func isUTF8Name(_ value: Span<UInt8>, _ charset: Range<Int>) -> Bool {
        let isQuoted =
            charset.count > 1 && value[charset.lowerBound] == UInt8(ascii: "\"")
            && value[charset.upperBound - 1] == UInt8(ascii: "\"")
        let name = isQuoted ? charset.lowerBound + 1..<charset.upperBound - 1 : charset
        return Ascii.equalsIgnoringCase(value, name, "utf-8")
            || Ascii.equalsIgnoringCase(value, name, "utf8")
            || Ascii.equalsIgnoringCase(value, name, "us-ascii")
    }

    /// The range of `type/subtype`, without parameters.
    static func mediaType(_ value: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var end = range.lowerBound
        while end < range.upperBound, value[end] != UInt8(ascii: ";") { end += 1 }
        return Ascii.trimmed(value, range.lowerBound..<end)
    }

    private func isNamed(_ value: Span<UInt8>, _ type: Range<Int>) -> Bool {
        func matches(_ name: StaticString) -> Bool { Ascii.equalsIgnoringCase(value, type, name) }
        switch self {
        case .json:
            if matches("application/json") || matches("text/json") { return true }
            // Structured syntax suffix (RFC 6839), of any application type.
            let head = type.lowerBound..<min(type.lowerBound + 12, type.upperBound)
            let tail = max(type.upperBound - 5, type.lowerBound)..<type.upperBound
            return type.count > 17 && Ascii.equalsIgnoringCase(value, head, "application/")
                && Ascii.equalsIgnoringCase(value, tail, "+json")
        case .npy: return matches("application/x-npy") || matches("application/npy")
        case .csv: return matches("text/csv") || matches("application/csv")
        }
    }

    /// How specifically a media range names this format; 0 when it does not.
    private func specificity(_ value: Span<UInt8>, _ type: Range<Int>) -> Int {
        if isNamed(value, type) { return 3 }
        let group: StaticString =
            switch self {
            case .json, .npy: "application/*"
            case .csv: "text/*"
            }
        if Ascii.equalsIgnoringCase(value, type, group) { return 2 }
        return Ascii.equalsIgnoringCase(value, type, "*/*") ? 1 : 0
    }

    /// The quality of this format in thousandths.
    private func quality(in value: Span<UInt8>) -> Int {
        var specificity = 0
        var quality = 0
        Ascii.forEachElement(value, 0..<value.count) { element in
            let type = Self.mediaType(value, element)
            let found = self.specificity(value, type)
            if found > specificity {
                specificity = found
                quality = Self.weight(value, type.upperBound..<element.upperBound)
            }
        }
        return quality
    }

    /// The `q` among the parameters, in thousandths: 1,000 when there is none, 0 when it is broken.
    static func weight(_ value: Span<UInt8>, _ range: Range<Int>) -> Int {
        var quality: Int?
        Ascii.forEachParameter(value, range, "q=") { quality = quality ?? thousandths(value, $0) }
        return quality ?? 1_000
    }

    /// `0`, `1`, `0.5`, `0.333`: qvalue of RFC 9110, section 12.4.2.
    private static func thousandths(_ value: Span<UInt8>, _ range: Range<Int>) -> Int {
        guard !range.isEmpty, range.count <= 5 else { return 0 }
        var result = 0
        var scale = 1_000
        for index in range {
            let offset = index - range.lowerBound
            if offset == 1 {
                guard value[index] == UInt8(ascii: ".") else { return 0 }
                continue
            }
            let digit = value[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return 0 }
            result += Int(digit) * scale
            scale /= 10
        }
        return result <= 1_000 ? result : 0
    }
}
