import Primitives

/// Finds out which library wrote a file, and reads it.
enum TabularReader {
    static func read(
        _ bytes: [UInt8], path: String, limits: Limits
    ) throws(ModelLoadError) -> TabularContents {
        switch ModelFileKind(head: bytes.prefix(ModelFileKind.headBytes)) {
        case .xgboostJSON, .lightGBMJSON, .json:
            let document: ModelDocument
            do throws(JSONError) {
                document = try ModelDocument(json: bytes.span, limits: limits)
            } catch {
                throw ModelLoadError(path: path, place: "", reason: error.message)
            }
            let root = DocumentPlace(path: path, document)
            if try root.optional("tree_info") != nil {
                return try LightGBMDump.read(root, limits: limits)
            }
            return try XGBoostReader.read(root, limits: limits)
        case .xgboostUBJSON:
            let document: ModelDocument
            do throws(UBJSONReader.Failure) {
                document = try UBJSONReader.read(bytes, limits: limits)
            } catch {
                throw ModelLoadError(
                    path: path, place: "byte \(error.offset)", reason: error.reason)
            }
            return try XGBoostReader.read(DocumentPlace(path: path, document), limits: limits)
        case .lightGBMText: return try LightGBMText.read(bytes, path: path, limits: limits)
        case .onnx, .foreign, .unknown:
            let kind = ModelFileKind(head: bytes.prefix(ModelFileKind.headBytes))
            throw ModelLoadError(path: path, reason: kind.refusal)
        }
    }
}
