import Models
import Primitives

/// Small model files, and what is wrong with damaged ones.
enum TabularFixture {
    /// One XGBoost tree: x0 < 1.5 gives 1, else x1 < 2 gives 2 (also when missing), else 3.
    static let xgboost = """
        {"learner":{"attributes":{},"feature_names":["a","b"],"feature_types":["float","float"],
        "gradient_booster":{"model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},
        "tree_info":[0],"trees":[{"categories":[],"categories_nodes":[],"categories_segments":[],
        "categories_sizes":[],"default_left":[0,0,1,0,0],"id":0,"left_children":[1,-1,3,-1,-1],
        "right_children":[2,-1,4,-1,-1],"split_conditions":[1.5,1,2,2,3],
        "split_indices":[0,0,1,0,0],"split_type":[0,0,0,0,0],"sum_hessian":[10,4,6,3,3],
        "tree_param":{"num_deleted":"0","num_feature":"2","num_nodes":"5","size_leaf_vector":"1"}}]},
        "name":"gbtree"},"learner_model_param":{"base_score":"[5E-1]","num_class":"0",
        "num_feature":"2","num_target":"1"},"objective":{"name":"reg:squarederror"}},
        "version":[3,2,0]}
        """

    /// The same tree as LightGBM writes it.
    static let lightGBM = """
        tree
        version=v4
        num_class=1
        num_tree_per_iteration=1
        label_index=0
        max_feature_idx=1
        objective=regression
        feature_names=a b
        feature_infos=[0:1] [0:1]
        tree_sizes=0

        Tree=0
        num_leaves=3
        num_cat=0
        split_feature=0 1
        threshold=1.5 2
        decision_type=8 10
        left_child=-1 -2
        right_child=1 -3
        leaf_value=1 2 3
        leaf_count=4 3 3
        internal_count=10 6
        is_linear=0
        shrinkage=1


        end of trees

        pandas_categorical:null

        """

    static func load(_ text: String) -> Result<TabularModel, ModelLoadError> {
        load(Array(text.utf8))
    }

    static func load(_ bytes: [UInt8]) -> Result<TabularModel, ModelLoadError> {
        do throws(ModelLoadError) {
            return .success(try TabularModel(bytes, path: "m"))
        } catch {
            return .failure(error)
        }
    }

    /// Why a text does not load; nil when it does.
    static func refusal(_ text: String) -> String? {
        switch load(text) {
        case .success: nil
        case .failure(let error): error.description
        }
    }

    /// A JSON text as XGBoost's UBJSON: numbers of an array in one typed block of float64.
    static func ubjson(_ text: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        append(try JSONValue(parsing: text), to: &bytes)
        return bytes
    }

    private static func append(_ value: JSONValue, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes.append(UInt8(ascii: "Z"))
        case .boolean(let flag): bytes.append(UInt8(ascii: flag ? "T" : "F"))
        case .integer(let number):
            bytes.append(UInt8(ascii: "L"))
            bytes += bigEndian(UInt64(bitPattern: number))
        case .number(let number):
            bytes.append(UInt8(ascii: "D"))
            bytes += bigEndian(number.bitPattern)
        case .string(let text):
            bytes.append(UInt8(ascii: "S"))
            appendText(text, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            let numbers = elements.compactMap(\.number)
            if numbers.count == elements.count {
                bytes += Array("$D#L".utf8) + bigEndian(UInt64(numbers.count))
                for number in numbers { bytes += bigEndian(number.bitPattern) }
                return
            }
            for element in elements { append(element, to: &bytes) }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for member in members {
                appendText(member.key, to: &bytes)
                append(member.value, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    static func appendText(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "L"))
        bytes += bigEndian(UInt64(text.utf8.count)) + Array(text.utf8)
    }

    static func bigEndian(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
    }
}
