import Primitives

/// What a model file is, by its first bytes.
public enum ModelFileKind: Sendable, Equatable {
    case onnx
    case xgboostJSON
    case xgboostUBJSON
    case lightGBMText
    case lightGBMJSON
    /// JSON that is no model as far as its first bytes tell.
    case json
    /// A file of this kind, which martlet does not load, and what to do instead.
    case foreign(String)
    case unknown

    /// Bytes that `init(head:)` looks at.
    public static let headBytes = 4_096

    /// - Parameter head: the first bytes of the file, `headBytes` at most.
    public init(head: ArraySlice<UInt8>) {
        let text = String(decoding: head, as: UTF8.self)
        let trimmed = text.drop { $0.isWhitespace }
        if head.first == 0x80, let version = head.dropFirst().first, (2...5).contains(version) {
            self = .foreign("a Python pickle, which is code; save it in the library's own format")
        } else if text.hasPrefix("CBM1") {
            self = .foreign("CatBoost's own format; save it with save_model(…, format='onnx')")
        } else if text.hasPrefix("binf") || text.hasPrefix("bs64") {
            self = .foreign("XGBoost's old binary format; save it as .ubj with XGBoost 1.6 to 3.0")
        } else if text.hasPrefix("tree\n") || text.hasPrefix("tree\r\n") {
            self = .lightGBMText
        } else if trimmed.first == "{" {
            self = Self.object(head, trimmed)
        } else if Self.looksLikeONNX(head) {
            self = .onnx
        } else {
            self = .unknown
        }
    }

    /// `{` begins JSON when a quote or a brace follows, and UBJSON when a length does.
    private static func object(_ head: ArraySlice<UInt8>, _ text: Substring) -> ModelFileKind {
        guard let second = text.dropFirst().first(where: { !$0.isWhitespace }) else {
            return .unknown
        }
        if second == "\"" || second == "}" {
            if text.contains("\"learner\"") { return .xgboostJSON }
            if text.contains("\"tree_info\"") || text.contains("\"num_tree_per_iteration\"") {
                return .lightGBMJSON
            }
            return .json
        }
        guard head.first == UInt8(ascii: "{"), "iUIlL$#N".contains(second) else { return .unknown }
        return .xgboostUBJSON
    }

    /// A ModelProto whose first field is ir_version (1) or one that stands there in some files:
    /// producer_name (2), opset_import (8), graph (7).
    private static func looksLikeONNX(_ head: ArraySlice<UInt8>) -> Bool {
        guard let first = head.first, head.count >= 4 else { return false }
        switch first {
        case 0x08: return (head.dropFirst().first ?? 0) < 64
        case 0x12, 0x3A, 0x42: return true
        default: return false
        }
    }

    /// Why a file of this kind is no tabular model.
    var refusal: String {
        switch self {
        case .foreign(let what): "it is \(what)"
        case .onnx: "it is an ONNX file"
        case .xgboostJSON, .xgboostUBJSON, .lightGBMText, .lightGBMJSON, .json, .unknown:
            "it is no model of XGBoost (.json, .ubj) or LightGBM (.txt, JSON dump)"
        }
    }
}
