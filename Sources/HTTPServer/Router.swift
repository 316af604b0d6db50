import HTTP
import Primitives

/// A path and query, taken apart. The ranges index the bytes that were routed.
package struct RouteMatch: Equatable {
    package var route: Route
    /// `{name}` of the path, or `model=` of the query.
    package var model: Range<Int>?
    /// `{version}` of the path, or `version=` of the query.
    package var version: Range<Int>?
    /// `{label}` of the path, or `label=` of the query.
    package var label: Range<Int>?
    /// `output=` of the query.
    package var output: Range<Int>?
    /// `explain=` of the query.
    package var explanation: Range<Int>?
    /// `ready=true` of the query: only what is ready.
    package var isReadyOnly = false
    /// `load=true` of the query: an upload is loaded, too.
    package var loads = false
    /// The query has one of these keys twice: which one counts would be a guess.
    package var hasRepeatedKey = false

    init(_ route: Route) { self.route = route }
}

/// Maps paths to routes without making strings.
package enum Router {
    /// `/predict`, `/models`, `/models/{name}`, `/models/{name}/predict`, `…/load`, `…/unload` and
    /// `…/rollback`, `/models/{name}/versions/{version}` and `/models/{name}/labels/{label}`, both also
    /// with `/predict`, and the health and metrics paths.
    package static func match(_ bytes: Span<UInt8>, path: Range<Int>, query: Range<Int>)
        -> RouteMatch
    {
        var match = matchPath(bytes, path)
        if !query.isEmpty { readQuery(bytes, query, into: &match) }
        return match
    }

    private static func matchPath(_ bytes: Span<UInt8>, _ path: Range<Int>) -> RouteMatch {
        guard path.count > 1, bytes[path.lowerBound] == UInt8(ascii: "/") else {
            return RouteMatch(path.count == 1 && bytes[path.lowerBound] == 0x2F ? .index : .unknown)
        }
        var segments = Segments(path.lowerBound + 1..<path.upperBound)
        guard let first = segments.next(bytes) else { return RouteMatch(.unknown) }
        if Ascii.equals(bytes, first, "models") { return matchModels(bytes, &segments) }
        guard segments.next(bytes) == nil else { return RouteMatch(.unknown) }
        if Ascii.equals(bytes, first, "predict") { return RouteMatch(.predict) }
        if Ascii.equals(bytes, first, "healthz") { return RouteMatch(.health) }
        if Ascii.equals(bytes, first, "livez") { return RouteMatch(.live) }
        if Ascii.equals(bytes, first, "readyz") { return RouteMatch(.ready) }
        if Ascii.equals(bytes, first, "metrics") { return RouteMatch(.metrics) }
        return RouteMatch(.unknown)
    }

    private static func matchModels(
        _ bytes: Span<UInt8>, _ segments: inout Segments
    ) -> RouteMatch {
        guard let name = segments.next(bytes) else { return RouteMatch(.models) }
        var match = RouteMatch(.model)
        match.model = name
        guard let third = segments.next(bytes) else { return match }
        guard let fourth = segments.next(bytes) else {
            guard let route = action(bytes, third) else { return RouteMatch(.unknown) }
            match.route = route
            return match
        }
        if Ascii.equals(bytes, third, "versions") {
            match.route = .version
            match.version = fourth
        } else if Ascii.equals(bytes, third, "labels") {
            match.route = .label
            match.label = fourth
        } else {
            return RouteMatch(.unknown)
        }
        guard let fifth = segments.next(bytes) else { return match }
        guard Ascii.equals(bytes, fifth, "predict"), segments.next(bytes) == nil else {
            return RouteMatch(.unknown)
        }
        match.route = .predict
        return match
    }

    /// What stands behind a model's name alone.
    private static func action(_ bytes: Span<UInt8>, _ word: Range<Int>) -> Route? {
        if Ascii.equals(bytes, word, "predict") { return .predict }
        if Ascii.equals(bytes, word, "load") { return .load }
        if Ascii.equals(bytes, word, "unload") { return .unload }
        if Ascii.equals(bytes, word, "rollback") { return .rollback }
        return nil
    }

    /// The parts of a path between slashes; one slash at the end counts for nothing.
    private struct Segments {
        private var rest: Range<Int>

        init(_ range: Range<Int>) { rest = range }

        mutating func next(_ bytes: Span<UInt8>) -> Range<Int>? {
            guard !rest.isEmpty else { return nil }
            var end = rest.lowerBound
            while end < rest.upperBound, bytes[end] != UInt8(ascii: "/") { end += 1 }
            let segment = rest.lowerBound..<end
            rest = min(end + 1, rest.upperBound)..<rest.upperBound
            return segment
        }
    }

    private static func readQuery(
        _ bytes: Span<UInt8>, _ query: Range<Int>, into match: inout RouteMatch
    ) {
        var seen = QueryKeys()
        var start = query.lowerBound
        while start < query.upperBound {
            var end = start
            var equals: Int?
            while end < query.upperBound, bytes[end] != UInt8(ascii: "&") {
                if equals == nil, bytes[end] == UInt8(ascii: "=") { equals = end }
                end += 1
            }
            if let equals {
                let value = equals + 1..<end
                let key = queryKey(bytes, start..<equals)
                if !seen.isDisjoint(with: key) { match.hasRepeatedKey = true }
                seen.formUnion(key)
                // What the path says wins over the query.
                if key == .model, match.model == nil { match.model = value }
                if key == .version, match.version == nil { match.version = value }
                if key == .label, match.label == nil { match.label = value }
                if key == .output, match.output == nil { match.output = value }
                if key == .explanation, match.explanation == nil { match.explanation = value }
                if key == .ready { match.isReadyOnly = Ascii.equals(bytes, value, "true") }
                if key == .load { match.loads = Ascii.equals(bytes, value, "true") }
            }
            start = end + 1
        }
    }

    private struct QueryKeys: OptionSet {
        let rawValue: UInt8

        static let model = QueryKeys(rawValue: 1)
        static let version = QueryKeys(rawValue: 2)
        static let output = QueryKeys(rawValue: 4)
        static let label = QueryKeys(rawValue: 8)
        static let ready = QueryKeys(rawValue: 16)
        static let load = QueryKeys(rawValue: 32)
        static let explanation = QueryKeys(rawValue: 64)
    }

    /// The key of ours that this is, or none.
    private static func queryKey(_ bytes: Span<UInt8>, _ key: Range<Int>) -> QueryKeys {
        if isKey(bytes, key, "model") { return .model }
        if isKey(bytes, key, "version") { return .version }
        if isKey(bytes, key, "label") { return .label }
        if isKey(bytes, key, "ready") { return .ready }
        if isKey(bytes, key, "load") { return .load }
        if isKey(bytes, key, "explain") { return .explanation }
        return isKey(bytes, key, "output") ? .output : []
    }

    /// Whether a query key is this name, as it stands or percent-encoded.
    private static func isKey(
        _ bytes: Span<UInt8>, _ key: Range<Int>, _ name: StaticString
    ) -> Bool {
        if Ascii.equals(bytes, key, name) { return true }
        guard key.count > name.utf8CodeUnitCount, let decoded = decoded(bytes, key) else {
            return false
        }
        return Ascii.equals(decoded.span, 0..<decoded.count, name)
    }

    /// A name with its percent-encoded bytes decoded (RFC 3986 section 2.1); nil when it is malformed.
    package static func decoded(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            if bytes[index] == UInt8(ascii: "%") {
                guard index + 2 < range.upperBound, let high = Ascii.hexValue(bytes[index + 1]),
                    let low = Ascii.hexValue(bytes[index + 2])
                else { return nil }
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }

    /// Text for an error message: printable, and not longer than a line.
    package static func shown(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
        var text = ""
        for index in range.prefix(80) {
            let byte = bytes[index]
            text.unicodeScalars.append(
                byte >= 0x20 && byte < 0x7F ? Unicode.Scalar(byte) : Unicode.Scalar(UInt8(0x3F)))
        }
        return range.count > 80 ? text + "…" : text
    }
}
