"""Estimators and pipelines of scikit-learn and CatBoost as ONNX, for test_estimators.py: what tables are served with."""

import tempfile
import warnings

import numpy as np
import onnx
import pandas

warnings.filterwarnings("ignore")


class Estimator:
    """A trained estimator, its ONNX form, the rows to compare by input, and what the library itself answers."""

    def __init__(self, name, model, proto, inputs, rows):
        self.name, self.library, self.model, self.inputs, self.rows = name, model, proto, inputs, rows

    def __repr__(self):
        return self.name

    def labels(self):
        return np.asarray(self.library.predict(self.rows)).reshape(len(self.rows), -1)

    def probabilities(self):
        return self.library.predict_proba(self.rows) if hasattr(self.library, "predict_proba") else None


def spread(x, count=400, seed=3):
    """Rows around those of the training data, none of them on a threshold."""
    random = np.random.default_rng(seed)
    rows = x[random.integers(len(x), size=count)]
    return (rows + random.normal(0, 0.05, rows.shape) * x.std(axis=0)).astype(np.float32)


def data():
    from sklearn import datasets

    iris, cancer, diabetes = (
        getattr(datasets, f"load_{name}")(return_X_y=True) for name in ("iris", "breast_cancer", "diabetes"))
    return iris, (cancer[0][:, :8], cancer[1]), (diabetes[0] * 20, diabetes[1])


def classifiers():
    """Names and untrained estimators, each for three classes and for two."""
    from sklearn import calibration, discriminant_analysis, ensemble, linear_model, multiclass
    from sklearn import naive_bayes, neighbors, neural_network, pipeline, preprocessing, svm, tree

    scale = preprocessing.StandardScaler
    logistic = linear_model.LogisticRegression
    stump = tree.DecisionTreeClassifier(max_depth=2, random_state=0)
    return {
        "svc": pipeline.make_pipeline(scale(), svm.SVC()),
        "svc one against one": pipeline.make_pipeline(scale(), svm.SVC(decision_function_shape="ovo", kernel="linear")),
        "svc sigmoid": pipeline.make_pipeline(scale(), svm.SVC(kernel="sigmoid", gamma=0.1)),
        "nu-svc": pipeline.make_pipeline(scale(), svm.NuSVC(nu=0.3)),
        "gaussian naive bayes": naive_bayes.GaussianNB(),
        "multinomial naive bayes": pipeline.make_pipeline(preprocessing.MinMaxScaler(), naive_bayes.MultinomialNB()),
        "bernoulli naive bayes": pipeline.make_pipeline(preprocessing.Binarizer(threshold=3.0), naive_bayes.BernoulliNB()),
        "complement naive bayes": pipeline.make_pipeline(preprocessing.MinMaxScaler(clip=True), naive_bayes.ComplementNB()),
        "categorical naive bayes": pipeline.make_pipeline(
            preprocessing.KBinsDiscretizer(4, encode="ordinal", strategy="uniform"), naive_bayes.CategoricalNB()),
        "adaboost": ensemble.AdaBoostClassifier(stump, n_estimators=5, random_state=0),
        "nearest neighbours": neighbors.KNeighborsClassifier(5),
        "nearest neighbours by distance": neighbors.KNeighborsClassifier(4, weights="distance", metric="manhattan"),
        "voting soft": ensemble.VotingClassifier([("a", logistic(max_iter=300)), ("b", stump)], voting="soft", flatten_transform=False),
        "voting hard": ensemble.VotingClassifier(
            [("a", logistic(max_iter=300)), ("b", stump), ("c", naive_bayes.GaussianNB())], voting="hard", flatten_transform=False),
        "stacking": ensemble.StackingClassifier(
            [("a", stump), ("b", naive_bayes.GaussianNB())], logistic(max_iter=300), cv=3),
        "gradient boosting": ensemble.GradientBoostingClassifier(n_estimators=8, random_state=0),
        "histogram boosting": ensemble.HistGradientBoostingClassifier(max_iter=8, random_state=0),
        "random forest": ensemble.RandomForestClassifier(12, random_state=0),
        "extra trees": ensemble.ExtraTreesClassifier(12, random_state=0),
        "bagging": ensemble.BaggingClassifier(logistic(max_iter=300), 4, random_state=0),
        "one against the rest": multiclass.OneVsRestClassifier(logistic(max_iter=300)),
        "one against the rest of trees": multiclass.OneVsRestClassifier(stump),
        "one against one": multiclass.OneVsOneClassifier(logistic(max_iter=300)),
        "calibrated": calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=3),
        "calibrated isotonic": calibration.CalibratedClassifierCV(stump, cv=3, method="isotonic"),
        "linear discriminant": discriminant_analysis.LinearDiscriminantAnalysis(),
        "quadratic discriminant": discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1),
        "perceptron": linear_model.Perceptron(random_state=0),
        "ridge": linear_model.RidgeClassifier(),
        "stochastic gradient": pipeline.make_pipeline(scale(), linear_model.SGDClassifier(loss="modified_huber", random_state=0)),
        "passive aggressive": linear_model.PassiveAggressiveClassifier(random_state=0),
        "neural network": pipeline.make_pipeline(scale(), neural_network.MLPClassifier((8, 4), max_iter=200, random_state=0)),
    }


def regressors():
    from sklearn import cross_decomposition, ensemble, gaussian_process, isotonic, linear_model, neighbors
    from sklearn import neural_network, pipeline, preprocessing, svm, tree

    del cross_decomposition, isotonic
    scale = preprocessing.StandardScaler
    return {
        "adaboost": ensemble.AdaBoostRegressor(n_estimators=4, random_state=0),
        "nearest neighbours": neighbors.KNeighborsRegressor(3),
        "gradient boosting": ensemble.GradientBoostingRegressor(n_estimators=8, random_state=0),
        "histogram boosting": ensemble.HistGradientBoostingRegressor(max_iter=8, random_state=0),
        "random forest": ensemble.RandomForestRegressor(10, random_state=0),
        "extra trees": ensemble.ExtraTreesRegressor(10, random_state=0),
        "voting": ensemble.VotingRegressor([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3))]),
        "stacking": ensemble.StackingRegressor(
            [("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3))], linear_model.LinearRegression(), cv=3),
        "nu-svr": pipeline.make_pipeline(scale(), svm.NuSVR()),
        "linear svr": svm.LinearSVR(max_iter=500, random_state=0),
        "poisson": linear_model.PoissonRegressor(),
        "gamma": linear_model.GammaRegressor(),
        "huber": linear_model.HuberRegressor(),
        "bayesian ridge": linear_model.BayesianRidge(),
        "elastic net": linear_model.ElasticNet(),
        "quantile": linear_model.QuantileRegressor(alpha=0.01),
        "polynomial": pipeline.make_pipeline(preprocessing.PolynomialFeatures(2), linear_model.Ridge()),
        "gaussian process": gaussian_process.GaussianProcessRegressor(gaussian_process.kernels.RBF(3.0), alpha=0.5),
        "neural network": pipeline.make_pipeline(scale(), neural_network.MLPRegressor(hidden_layer_sizes=(8,), max_iter=200, random_state=0)),
    }


def transformers():
    """Steps before a linear model: what they make is seen in its answer."""
    from sklearn import decomposition, feature_selection, impute, linear_model, pipeline, preprocessing, random_projection

    steps = {
        "robust scaler": preprocessing.RobustScaler(),
        "maximum scaler": preprocessing.MaxAbsScaler(),
        "normalizer": preprocessing.Normalizer("l1"),
        "quantiles": preprocessing.QuantileTransformer(n_quantiles=20),
        "power": preprocessing.PowerTransformer(),
        "bins": preprocessing.KBinsDiscretizer(5, encode="onehot-dense"),
        "principal components": decomposition.PCA(3),
        "singular values": decomposition.TruncatedSVD(3),
        "selection": feature_selection.SelectKBest(k=3),
        "variance": feature_selection.VarianceThreshold(0.1),
        "imputed by neighbours": impute.KNNImputer(n_neighbors=3),
        "imputed with indicator": impute.SimpleImputer(add_indicator=True),
        "projection": random_projection.GaussianRandomProjection(4, random_state=0),
    }
    return {name: pipeline.make_pipeline(step, linear_model.Ridge()) for name, step in steps.items()}


def detectors():
    from sklearn import cluster, ensemble, mixture, neighbors

    return {
        "isolation forest": ensemble.IsolationForest(n_estimators=6, random_state=0),
        "local outliers": neighbors.LocalOutlierFactor(novelty=True),
        "k-means": cluster.KMeans(3, n_init=1, random_state=0),
        "mini-batch k-means": cluster.MiniBatchKMeans(3, n_init=1, random_state=0),
        "mixture": mixture.GaussianMixture(3, random_state=0),
    }


def table(count=300):
    random = np.random.default_rng(0)
    frame = pandas.DataFrame({
        "city": random.choice(["Rome", "Oslo", "Bern", "Köln"], count),
        "plan": random.choice(["free", "pro"], count),
        "age": random.normal(40, 9, count).astype(np.float32),
        "visits": random.integers(0, 9, count),
    })
    frame["churn"] = np.where(frame["age"] + 9 * (frame["city"] == "Rome") > 42, "yes", "no")
    return frame


def pipelines():
    """Data frames with strings, numbers and integers: an input a column."""
    from sklearn import compose, ensemble, impute, linear_model, pipeline, preprocessing

    def columns(text):
        numbers = pipeline.make_pipeline(impute.SimpleImputer(strategy="median"), preprocessing.StandardScaler())
        return compose.ColumnTransformer([("text", text, ["city", "plan"]), ("numbers", numbers, ["age"]), ("rest", "passthrough", ["visits"])])

    hot = preprocessing.OneHotEncoder(handle_unknown="ignore")
    ordinal = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return {
        "columns, logistic": pipeline.make_pipeline(columns(hot), linear_model.LogisticRegression()),
        "columns, forest": pipeline.make_pipeline(columns(ordinal), ensemble.RandomForestClassifier(8, max_depth=5, random_state=0)),
        "columns, boosting": pipeline.make_pipeline(columns(hot), ensemble.GradientBoostingClassifier(n_estimators=6, random_state=0)),
        "columns, targets": pipeline.make_pipeline(
            columns(preprocessing.TargetEncoder(random_state=0)), linear_model.LogisticRegression()),
    }


def plain_integers(make_node):
    """skl2onnx 1.20 hands NumPy's integers on where onnx 1.23 wants Python's (histogram boosting)."""

    def made(kind, inputs, outputs, **attributes):
        for key, value in attributes.items():
            if isinstance(value, list) and any(isinstance(item, np.integer) for item in value):
                attributes[key] = [int(item) for item in value]
        return make_node(kind, inputs, outputs, **attributes)

    return made


def all_estimators(chosen=None, failed=None):
    """Every case; what skl2onnx itself cannot convert is put into `failed`."""
    from skl2onnx import to_onnx
    from skl2onnx.common import _container

    _container.make_node = plain_integers(_container.make_node)
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    iris, cancer, diabetes = data()

    def converted(name, model, sample, inputs, rows, **options):
        if chosen and chosen not in name:
            return
        try:
            proto = to_onnx(model, sample, target_opset={"": 21, "ai.onnx.ml": 3}, **options)
        except Exception as problem:
            if failed is None:
                raise ValueError(name) from problem
            failed[name] = repr(problem)[:200]
            return
        yield Estimator(name, model, proto, inputs, rows)

    for kind, (x, y) in (("classes", iris), ("binary", cancer)):
        for name, model in classifiers().items():
            model.fit(x.astype(np.float32), y)
            rows = spread(x)
            options = {id(model): {"zipmap": False}}
            yield from converted(f"{name} ({kind})", model, rows[:1], {"X": rows}, rows, options=options)
    model = classifiers()["random forest"].fit(iris[0], np.array(["a", "b", "ü"])[iris[1]])
    rows = spread(iris[0])
    yield from converted("zipmap of strings", model, rows[:1], {"X": rows}, rows)
    model = classifiers()["gradient boosting"].fit(*iris)
    yield from converted("zipmap of integers", model, rows[:1], {"X": rows}, rows)
    for group, (x, y) in ((regressors(), diabetes), (transformers(), diabetes)):
        for name, model in group.items():
            model.fit(x.astype(np.float32), y)
            rows = spread(x)
            yield from converted(f"{name} (regression)", model, rows[:1], {"X": rows}, rows)
    for name, model in detectors().items():
        model.fit(iris[0].astype(np.float32))
        rows = spread(iris[0])
        yield from converted(name, model, rows[:1], {"X": rows}, rows)
    frame = table()
    rows = frame.drop(columns="churn")
    types = {"city": StringTensorType, "plan": StringTensorType, "age": FloatTensorType, "visits": Int64TensorType}
    for name, model in pipelines().items():
        model.fit(rows, frame["churn"])
        inputs = {key: rows[[key]].to_numpy() for key in types}
        for zipmap in (False, True):
            yield from converted(
                f"{name}, zipmap {zipmap}", model, None, inputs, rows,
                initial_types=[(key, kind([None, 1])) for key, kind in types.items()],
                options={id(model): {"zipmap": zipmap}})
    yield from catboost(chosen, iris, cancer, diabetes)


def catboost(chosen, iris, cancer, diabetes):
    """CatBoost through its own export; trees deep and shallow, missing values, names for classes."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    names = np.array(["no", "yes"])
    cases = {
        "catboost binary": (CatBoostClassifier, {}, cancer[0], cancer[1]),
        "catboost names": (CatBoostClassifier, {}, cancer[0], names[cancer[1]]),
        "catboost classes": (CatBoostClassifier, {}, *iris),
        "catboost one against all": (CatBoostClassifier, {"loss_function": "MultiClassOneVsAll"}, *iris),
        "catboost regression": (CatBoostRegressor, {}, *diabetes),
        "catboost quantile": (CatBoostRegressor, {"loss_function": "Quantile:alpha=0.3"}, *diabetes),
        "catboost poisson": (CatBoostRegressor, {"loss_function": "Poisson"}, *diabetes),
    }
    for name, (kind, options, x, y) in cases.items():
        if chosen and chosen not in name:
            continue
        x = x.astype(np.float32)
        model = kind(
            iterations=20, depth=5, verbose=False, thread_count=1, random_seed=0, allow_writing_files=False, **options)
        model.fit(x, y)
        with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
            model.save_model(file.name, format="onnx")
            proto = onnx.load(file.name)
        rows = spread(x)
        rows[::7, 1] = np.nan
        yield Estimator(name, model, proto, {proto.graph.input[0].name: rows}, rows)
