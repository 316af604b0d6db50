import Glibc

/// The objective of an XGBoost model: what its margins mean. Names and functions are those of
/// XGBoost's src/objective.
struct XGBoostObjective: Sendable {
    let name: String
    let link: ScoreLink
    /// Which function takes a prediction back to its margin.
    private let inverse: Inverse

    private enum Inverse { case identity, logit, logarithm }

    init(_ place: DocumentPlace) throws(ModelLoadError) {
        name = try place.member("name").text()
        switch name {
        case "binary:logistic": (link, inverse) = (.binary(1), .logit)
        case "binary:hinge": (link, inverse) = (.hinge, .identity)
        case "binary:logitraw", "reg:squarederror", "reg:linear", "reg:squaredlogerror",
            "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror",
            "reg:expectileerror", "rank:pairwise", "rank:ndcg", "rank:map":
            (link, inverse) = (.identity, .identity)
        case "reg:logistic": (link, inverse) = (.sigmoid(1), .logit)
        case "reg:gamma", "reg:tweedie", "count:poisson", "survival:cox", "survival:aft":
            (link, inverse) = (.exponential, .logarithm)
        case "multi:softprob", "multi:softmax": (link, inverse) = (.softmax, .identity)
        default:
            throw place.failure(
                "the objective '\(name)' is not known; its answers would be guesses")
        }
    }

    /// The margin that the link function takes to a prediction: XGBoost's ProbToMargin, in float32
    /// like there.
    func margin(ofPrediction value: Float) -> Float {
        switch inverse {
        case .identity: value
        case .logit: -logf(1 / value - 1)
        case .logarithm: logf(value)
        }
    }
}
