"""Bodies that do not fit the model: 400, with the place; and nothing anybody sends is a 500."""

import io
import json

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings, strategies

from answers import NPY

GOOD = [5.1, 3.5, 1.4, 0.2]


def post(server, body, kind="application/json", model="iris", session=requests):
    if not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    return session.post(
        f"{server.url}/models/{model}/predict",
        data=body.encode() if isinstance(body, str) else body,
        headers={"Content-Type": kind}, timeout=20)


def refused(answer):
    assert answer.status_code == 400, (answer.status_code, answer.text)
    error = answer.json()["error"]
    assert error["code"] and error["message"]
    return error["message"]


def test_the_sentence_of_the_issue(server):
    body = {"instances": [GOOD, GOOD, GOOD, [1, 2, 3]]}
    assert refused(post(server, body)) == "instances[3] has 3 numbers, the model takes 4"


@pytest.mark.parametrize("body,parts", [
    ({"instances": [GOOD, GOOD + [1]]}, ["instances[1]", "5", "4"]),
    ({"instances": [[]]}, ["instances[0]", "0", "4"]),
    ({"instances": [GOOD, []]}, ["instances[1]"]),
    ({"instances": [GOOD, 7]}, ["instances[1]"]),
    ({"instances": [GOOD, None]}, ["instances[1]"]),
    ({"instances": [[5.1, "3.5", 1.4, 0.2]]}, ["instances[0]"]),
    ({"instances": [[5.1, None, 1.4, 0.2]]}, ["instances[0]"]),
    ({"instances": [[5.1, True, 1.4, 0.2]]}, ["instances[0]"]),
    ({"instances": [[5.1, [3.5], 1.4, 0.2]]}, ["instances[0]"]),
    ({"instances": [GOOD, [GOOD]]}, ["instances[1]"]),
    ({"instances": [{"nonsense": 1}]}, ["instances[0]"]),
    ({"instances": 5}, ["instances"]),
    ({"instances": "text"}, ["instances"]),
    ({"instances": None}, ["instances"]),
    ({"inputs": {"features": [GOOD, [1, 2]]}}, ["features[1]", "2", "4"]),
    ({"inputs": {"nonsense": [GOOD]}}, ["nonsense"]),
    ({"inputs": {}}, ["features"]),
    ({"rows": [GOOD]}, ["instances"]),
    ({}, ["instances"]),
    ([GOOD, [1, 2]], ["[1]", "2", "4"]),
    ("7", []), ("\"text\"", []), ("null", []), ("true", []),
])
def test_what_does_not_fit_is_named(server, body, parts):
    message = refused(post(server, body))
    for part in parts:
        assert part in message, message


def test_no_rows_at_all(server):
    """An empty batch is either refused or answered with no predictions, never a crash."""
    for body in ({"instances": []}, [], {"inputs": {"features": []}}):
        answer = post(server, body)
        if answer.status_code == 200:
            assert answer.json()["predictions"] == []
        else:
            refused(answer)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "nan", "inf", "+1", ".5", "5.", "01",
                                  "0x10", "1e", "1e+", "--1", "1_000", "\u0661", "1.2.3", "- 1"])
def test_text_that_is_no_json_number(server, word):
    message = refused(post(server, f'{{"instances": [[{word}, 3.5, 1.4, 0.2]]}}'))
    assert message


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1e40", "1" + "0" * 400])
def test_numbers_beyond_float32_are_refused_not_turned_to_infinity(server, number):
    refused(post(server, f'{{"instances": [[{number}, 3.5, 1.4, 0.2]]}}'))


@pytest.mark.parametrize("number", ["0", "-0", "1e-999", "5e-324", "1E2", "1e+2", "0.1e1",
                                    "0." + "3" * 400, "123456789012345678901234567890"])
def test_every_json_number_is_taken(server, number):
    answer = post(server, f'{{"instances": [[{number}, 3.5, 1.4, 0.2]]}}')
    assert answer.status_code == 200, answer.text


def test_json_cut_at_every_byte(server):
    body = json.dumps({"instances": [GOOD, GOOD], "parameters": {"a": "\u00e9\\n"}})
    whole = '{"instances": [[5.1, 3.5, 1.4, 0.2]]}'
    with requests.Session() as session:
        for text in (body, whole):
            for cut in range(len(text)):
                refused(post(server, text[:cut], session=session))


@pytest.mark.parametrize("tail", ["x", "]", "}", ",", "{}", "[[1]]", "null", "\x00", "//", " 1"])
def test_trailing_garbage(server, tail):
    refused(post(server, json.dumps({"instances": [GOOD]}) + tail))


def test_trailing_white_space_is_no_garbage(server):
    assert post(server, json.dumps([GOOD]) + " \r\n\t").status_code == 200
    assert post(server, " \r\n\t" + json.dumps([GOOD])).status_code == 200


@pytest.mark.parametrize("bomb", [
    "[" * 100_000, '{"a":' * 100_000, '{"instances":' + "[" * 1_000_000,
    '{"x":' + "[" * 500_000 + "]" * 500_000 + ',"instances":[[5.1,3.5,1.4,0.2]]}',
    '{"instances":[[' + "[" * 200 + "1" + "]" * 200 + "]]}"],
    ids=["arrays", "objects", "instances", "unknown-key", "closed"])
def test_depth_bombs(server, bomb):
    refused(post(server, bomb))


@pytest.mark.parametrize("body", [
    b"", b" ", b"\xef\xbb\xbf[[5.1,3.5,1.4,0.2]]", b"\xff\xfe[\x00", b'{"inst\xffances": [[1]]}',
    b'{"instances": [[5.1, 3.5, 1.4, 0.2],]}', b'{"instances": [[5.1, 3.5, 1.4, 0.2,]]}',
    b'{"instances": [[5.1 3.5 1.4 0.2]]}', b"{'instances': [[5.1, 3.5, 1.4, 0.2]]}",
    b'{instances: [[5.1, 3.5, 1.4, 0.2]]}', b'{"instances": [[5.1, 3.5, 1.4, 0.2]] /* c */}',
    b'{"instances" [[5.1, 3.5, 1.4, 0.2]]}', b'{"instances": [[5.1, 3.5, 1.4, 0.2]}',
    b'{"a": "\\ud800", "instances": [[1,2,3]]}', b'{"a": "\\x", "instances": [[1,2,3]]}',
    b'{"instances": [[5.1,3.5,1.4,0.2]], "instances": [[5.1,3.5,1.4]]}'])
def test_malformed_json(server, body):
    refused(post(server, body))


@pytest.mark.parametrize("body,parts", [
    ("5.1,3.5,1.4,0.2\n1,2,3\n", ["2"]),
    ("5.1,3.5,1.4,0.2\n1,2,3,4,5\n", ["2"]),
    ("5.1,3.5,1.4,0.2\n1,2,x,4\n", ["2"]),
    ("5.1,3.5,1.4,0.2\n1,2,,4\n", ["2"]),
    ("1,2,\"3,4\n", []),
    ("", []),
    ("5.1;3.5;1.4;0.2\n", []),
])
def test_malformed_csv(server, body, parts):
    message = refused(post(server, body, "text/csv"))
    for part in parts:
        assert part in message, message


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_csv_line_endings(server, ending):
    body = "\n".join(["5.1,3.5,1.4,0.2"] * 3).replace("\n", ending or "\n") + ending
    answer = post(server, body, "text/csv")
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["predictions"]) == 3


def npy(array=None, header=None, data=b"", version=b"\x01\x00"):
    if array is not None:
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        return file.getvalue()
    text = header.encode() + b"\n"
    size = len(text).to_bytes(2 if version[0] == 1 else 4, "little")
    return b"\x93NUMPY" + version + size + text + data


def header(descr="<f4", order="False", shape="(1, 4)"):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"


ROW = np.array([GOOD], np.float32)


@pytest.mark.parametrize("body", [
    b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff", b"not numpy at all" * 4,
    npy(ROW)[:-1], npy(ROW) + b"\x00", npy(ROW[:, :3].copy()), npy(ROW[0, :3].copy()), npy(ROW[None]),
    npy(np.array([["a", "b", "c", "d"]])), npy(np.array([[None, {}, 1, 2]], object)),
    npy(np.zeros((1, 4), np.complex64)),
    npy(np.array([(1.0, 2.0)], [("a", "<f4"), ("b", "<f4")])),
    npy(header=header(shape="(1000000000, 4)"), data=bytes(16)),
    npy(header=header(shape="(4611686018427387904, 4)"), data=bytes(16)),
    npy(header=header(shape="(-1, 4)"), data=bytes(16)),
    npy(header=header(shape="(" + "9" * 40 + ", 4)"), data=bytes(16)),
    npy(header=header(shape="(1, 4"), data=bytes(16)),
    npy(header=header(descr="<f3"), data=bytes(16)),
    npy(header=header(descr="|O"), data=bytes(16)),
    npy(header=header(order="Maybe"), data=bytes(16)),
    npy(header="{'descr': '<f4'}", data=bytes(16)),
    npy(header="(" * 5000, data=bytes(16)),
    npy(header=header(), data=bytes(16), version=b"\x09\x00"),
], ids=range(24))
def test_malformed_npy(server, body):
    refused(post(server, body, NPY))


def test_npy_of_one_row_without_a_batch_dimension(server):
    answer = post(server, npy(ROW[0]), NPY)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["predictions"]) == 1


def test_npy_format_2(server):
    answer = post(server, npy(header=header(), data=ROW.tobytes(), version=b"\x02\x00"), NPY)
    assert answer.status_code == 200, answer.text


def test_npy_with_zero_rows(server):
    answer = post(server, npy(np.zeros((0, 4), np.float32)), NPY)
    if answer.status_code == 200:
        assert answer.json()["predictions"] == []
    else:
        refused(answer)


def test_npy_with_nan_is_taken_or_refused_and_the_answer_stays_json(server):
    """A float can be NaN in a NumPy file; whatever the answer is, a JSON parser must read it."""
    rows = np.array([[np.nan, 3.5, 1.4, 0.2], GOOD, [np.inf, -np.inf, 0, 0]], np.float32)
    for model, wide in (("iris", rows), ("digits", np.tile(rows, 16))):
        answer = post(server, npy(wide), NPY, model)
        assert answer.status_code in (200, 400), answer.text
        json.loads(answer.text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_error_messages_do_not_echo_without_bound(server):
    long = "x" * 100_000
    for answer in (
            post(server, {"inputs": {long: [GOOD]}}),
            requests.post(f"{server.url}/predict", params={"model": "y" * 3000}, json=[GOOD], timeout=20)):
        assert 400 <= answer.status_code < 500
        assert len(answer.content) < 8192
        json.loads(answer.text)


def test_error_messages_are_json_whatever_the_names(server):
    for name in ('"', "\\", "\n", "\u0000", "\u00e9", "\ud83d\ude00", "</script>"):
        answer = post(server, {"inputs": {name: [GOOD]}})
        assert refused(answer)


ANY_JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers()
    | strategies.floats(allow_nan=False, allow_infinity=False) | strategies.text(max_size=8),
    lambda inner: strategies.lists(inner, max_size=6) | strategies.dictionaries(
        strategies.sampled_from(["instances", "inputs", "features", "parameters", "x"]), inner,
        max_size=3), max_leaves=20)

FUZZ = settings(
    max_examples=300, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@FUZZ
@given(body=ANY_JSON)
def test_any_json_is_answered_or_refused(server, body):
    answer = post(server, body)
    assert answer.status_code in (200, 400), (body, answer.text)
    assert ("predictions" in answer.json()) == (answer.status_code == 200)


@FUZZ
@given(body=strategies.binary(max_size=200), kind=strategies.sampled_from(
    ["application/json", "text/csv", NPY]))
def test_any_bytes_are_answered_or_refused(server, body, kind):
    assert post(server, body, kind).status_code in (200, 400)


@FUZZ
@given(data=strategies.data())
def test_good_bodies_with_a_few_bytes_changed(server, data):
    kind, body = data.draw(strategies.sampled_from([
        ("application/json", json.dumps({"instances": [GOOD, GOOD]}).encode()),
        ("text/csv", b"5.1,3.5,1.4,0.2\n4.9,3.0,1.4,0.2\n"), (NPY, npy(np.tile(ROW, (2, 1))))]))
    body = bytearray(body)
    for _ in range(data.draw(strategies.integers(1, 4))):
        body[data.draw(strategies.integers(0, len(body) - 1))] = data.draw(strategies.integers(0, 255))
    answer = post(server, bytes(body), kind)
    assert answer.status_code in (200, 400), answer.text
    json.loads(answer.text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
