"""Rows that name their columns, and what can be asked of a model of XGBoost or LightGBM over HTTP."""

import io
import json

import numpy as np
import pandas as pd
import pytest
import requests
import xgboost

from tabular_cases import lightgbm_frame, xgboost_frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models under file names that say nothing."""
    root = tmp_path_factory.mktemp("models")
    cases = {"xgb": xgboost_frame("multi:softprob"), "lgb": lightgbm_frame("binary")}
    for name, file in [("xgb", "churn.bin"), ("lgb", "model.json")]:
        version = root / name / "3"
        version.mkdir(parents=True)
        if file == "model.json":
            (version / file).write_text(json.dumps(cases[name].model.dump_model()))
        else:
            cases[name].model.save_model(version / "model.ubj")
            (version / "model.ubj").rename(version / file)
    lenient = root / "lenient" / "1"
    lenient.mkdir(parents=True)
    cases["lgb"].model.save_model(lenient / "anything.sensible")
    (root / "lenient" / "model.json").write_text('{"unknown_columns": "ignore"}')
    return root, cases


@pytest.fixture(scope="module")
def served(folder):
    from martlet_process import MartletProcess

    process = MartletProcess(folder[0])
    try:
        yield process
        process.stop()
    finally:
        process.kill()


def post(served, path, body, **options):
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    return requests.post(f"{served.url}{path}", data=body, timeout=60, **options)


def records(table):
    """As pandas writes them, with null for what is missing."""
    return json.loads(table.to_json(orient="records"))


def wanted(case, table):
    if case.library == "lightgbm":
        yes = case.model.predict(table)
        return np.stack([1 - yes, yes], axis=1)
    return case.model.predict(xgboost.DMatrix(table, enable_categorical=True))


def probabilities(answer):
    assert answer.status_code == 200, answer.text
    return np.array([row["probabilities"] for row in answer.json()["predictions"]])


def holed(table):
    table = table.head(60).copy()
    random = np.random.default_rng(4)
    for column in table.columns:
        table.loc[random.random(len(table)) < 0.15, column] = np.nan
    return table


@pytest.mark.parametrize("name", ["xgb", "lgb"])
def test_records_columns_and_csv_give_what_the_library_gives_for_the_frame(served, folder, name):
    case = folder[1][name]
    table = holed(case.frame)
    want = wanted(case, table)
    rows = records(table)
    path = f"/models/{name}/predict"
    np.testing.assert_allclose(probabilities(post(served, path, {"instances": rows})), want, rtol=1e-5)
    # Columns in another order, and missing ones left out.
    shuffled = [{key: row[key] for key in reversed(row) if row[key] is not None} for row in rows]
    np.testing.assert_allclose(probabilities(post(served, path, {"instances": shuffled})), want, rtol=1e-5)
    columns = {key: [row[key] for row in rows] for key in table.columns}
    np.testing.assert_allclose(probabilities(post(served, path, {"inputs": columns})), want, rtol=1e-5)
    text = io.StringIO()
    table[table.columns[::-1]].to_csv(text, index=False)
    answer = post(served, path, text.getvalue(), headers={"Content-Type": "text/csv"})
    np.testing.assert_allclose(probabilities(answer), want, rtol=1e-5)


def test_a_column_that_is_left_out_is_missing(served, folder):
    case = folder[1]["lgb"]
    table = case.frame.head(10).copy()
    rows = records(table.drop(columns=["income"]))
    table["income"] = np.nan
    got = probabilities(post(served, "/models/lgb/predict", {"instances": rows}))
    np.testing.assert_allclose(got, wanted(case, table), rtol=1e-5)
    text = case.frame.head(10).drop(columns=["income"]).to_csv(index=False)
    answer = post(served, "/models/lgb/predict", text, headers={"Content-Type": "text/csv"})
    np.testing.assert_allclose(probabilities(answer), wanted(case, table), rtol=1e-5)


def test_positional_rows_may_have_nulls(served, folder):
    case = folder[1]["xgb"]
    answer = post(served, "/models/xgb/predict", {"instances": [[3, 1, None, 20.5], [None, None, None, None]]})
    rows = np.array([[3, 1, np.nan, 20.5], [np.nan] * 4], np.float32)
    matrix = xgboost.DMatrix(rows, feature_names=case.model.feature_names, feature_types=case.model.feature_types)
    np.testing.assert_allclose(probabilities(answer), case.model.predict(matrix), rtol=1e-5)


@pytest.mark.parametrize(
    "body, words",
    [
        ({"instances": [{"age": 3, "size": 1}]}, ["instances[0] has 'size'", "'city', 'grade', 'age', 'income'"]),
        ({"instances": [{"age": 3}, {"age": "old"}]}, ["instances[1].age is a string"]),
        ({"instances": [{"age": 3}, {"city": "Atlantis"}]}, ["instances[1].city is no category", "'city 0'"]),
        ({"instances": [{"age": 3}, {"grade": 15}]}, ["instances[1].grade is no category", "'10', '20', '30'"]),
        ({"instances": [{"age": 3}, [1, 2, 3, 4]]}, ["instances[1] is an array"]),
        ({"inputs": {"age": [1, 2], "income": [1]}}, ["inputs.income has 1 rows"]),
        ('{"instances": [{"age": 3, "age": 4}]}', ["'age' twice"]),
    ],
)
def test_what_is_wrong_in_a_frame_is_named(served, body, words):
    answer = post(served, "/models/xgb/predict", body)
    assert answer.status_code == 400, answer.text
    for word in words:
        assert word in answer.text.replace('\\"', '"'), answer.text


def test_unknown_columns_are_refused_or_ignored_as_the_configuration_says(served):
    rows = {"instances": [{"age": 3, "size": {"any": ["thing"]}, "income": 1}]}
    refused = post(served, "/models/lgb/predict", rows)
    assert refused.status_code == 400 and "has 'size'" in refused.text
    ignored = probabilities(post(served, "/models/lenient/predict", rows))
    plain = probabilities(post(served, "/models/lenient/predict", {"instances": [{"age": 3, "income": 1}]}))
    np.testing.assert_array_equal(ignored, plain)
    csv = {"Content-Type": "text/csv"}
    assert "has 'size'" in post(served, "/models/lgb/predict", "age,size,income\n3,x,1\n", headers=csv).text
    ignored = probabilities(post(served, "/models/lenient/predict", "age,size,income\n3,x,1\n", headers=csv))
    np.testing.assert_array_equal(ignored, plain)


def test_unseen_categories_are_missing_for_lightgbm(served):
    known = probabilities(post(served, "/models/lgb/predict", {"instances": [{"city": "Atlantis", "age": 3}]}))
    missing = probabilities(post(served, "/models/lgb/predict", {"instances": [{"city": None, "age": 3}]}))
    np.testing.assert_array_equal(known, missing)


@pytest.mark.parametrize("name", ["xgb", "lgb"])
def test_margins_leaves_and_contributions_are_asked_for_in_the_query(served, folder, name):
    case = folder[1][name]
    table = holed(case.frame)
    body = {"instances": records(table)}
    data = table if name == "lgb" else xgboost.DMatrix(table, enable_categorical=True)
    lgb = name == "lgb"
    for query, option, tolerance in [
        ("output=margin", {"raw_score": True} if lgb else {"output_margin": True}, 1e-5),
        ("output=leaf", {"pred_leaf": True}, 0),
        ("explain=contributions", {"pred_contrib": True} if lgb else {"pred_contribs": True}, 1e-4),
    ]:
        answer = post(served, f"/models/{name}/predict?{query}", body)
        assert answer.status_code == 200, answer.text
        want = case.model.predict(data, **option)
        got = np.array(answer.json()["predictions"]).reshape(want.shape)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
    got = np.array(post(served, f"/models/{name}/predict?output=probability", body).json()["predictions"])
    np.testing.assert_allclose(got, wanted(case, table), rtol=1e-5)
    # Plain predictions are untouched by views that were asked for between.
    np.testing.assert_allclose(
        probabilities(post(served, f"/models/{name}/predict", body)), wanted(case, table), rtol=1e-5)


def test_views_that_a_model_does_not_have_are_named(served):
    body = {"instances": [[1, 1, 1, 1]]}
    answer = post(served, "/models/xgb/predict?output=wisdom", body)
    assert answer.status_code == 400 and "margin, leaf" in answer.text
    answer = post(served, "/models/xgb/predict?explain=wisdom", body)
    assert answer.status_code == 400 and "contributions" in answer.text
