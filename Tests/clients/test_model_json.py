"""model.json: the committed schema and the program's own reader say the same."""

import copy
import json
import random

import jsonschema
import pytest

from martlet_process import MODELS, ROOT, run

SCHEMA = json.loads((ROOT / "docs" / "model.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

FULL = {
    "description": "d", "labels": ["a", "b"], "sample": [[1, 2]], "outputs": ["p", "q"],
    "warm_up": {"samples": [[1.5]], "seconds": 10},
    "version_policy": {"latest": 2}, "default_version": "stable",
    "version_labels": {"stable": "3", "next-1": "4"},
    "canary": {"version": "4", "share": 0.25, "sticky_header": "X-User"},
    "shadow": {"version": "next-1", "share": 1}, "required": True,
    "batching": {"max_batch_size": 16}, "limits": {"queue_items": 7, "queue_bytes": 1000},
}

# What a mutation may put anywhere: each kind of value, the edges of the ranges, near misses of names.
VALUES = [
    None, True, False, 0, 1, -1, 2, 1000, 1001, 3600, 3601, 65536, 65537, 1_000_000, 1_000_001,
    1 << 40, (1 << 40) + 1, 0.5, 1.0, 1.5, 1.0000001, -0.1, 5.0, "", "all", "All", "1", "01", "0",
    "9" * 19, "9" * 20, "stable", ".x", "a b", "7x", "é", "a\n", "1\n", "x" * 128, "x" * 129, "-", "_",
    "a:b", [], [1], ["1"], ["a"], ["a", "a"], [["a"]], {}, {"latest": 1}, {"latest": 0},
    {"listed": ["1"]}, {"listed": []}, {"latest": 1, "listed": ["1"]}, {"version": "1"},
    {"version": "1", "share": 0}, {"stable": "1"}, {"7": "1"}, {"a": 1}, [0] * 1000, [0] * 1001,
]
KEYS = ["", "x", "latest", "version", "share", "samples", "stable", "7", "description", "Labels"]


def mutate(value, chance):
    """Changes one place of a tree: a value, a missing key, a new one, another name."""
    places = []

    def walk(node):
        if isinstance(node, dict):
            places.append((node, None))
            for key, inner in node.items():
                places.append((node, key))
                walk(inner)
        elif isinstance(node, list):
            for index, inner in enumerate(node):
                places.append((node, index))
                walk(inner)

    walk(value)
    node, key = chance.choice(places)
    if key is None:
        node[chance.choice(KEYS)] = copy.deepcopy(chance.choice(VALUES))
    elif isinstance(node, dict) and chance.random() < 0.2:
        del node[key]
    elif isinstance(node, dict) and chance.random() < 0.2:
        node[chance.choice(KEYS)] = node.pop(key)
    else:
        node[key] = copy.deepcopy(chance.choice(VALUES))


def check(tmp_path, trees):
    """What `martlet models check` says of each: True when it can be used."""
    paths = []
    for number, tree in enumerate(trees):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(tree))
        paths.append(path)
    lines = []
    for start in range(0, len(paths), 500):
        done = run("models", "check", *paths[start:start + 500])
        assert done.returncode in (0, 1), done.stderr
        lines += done.stdout.splitlines()
    assert len(lines) == len(trees)
    for path, line in zip(paths, lines):
        assert line.startswith(str(path)), line
    return [line.endswith(": good") for line in lines], lines


@pytest.mark.parametrize("path", sorted(MODELS.glob("*/model.json")), ids=lambda path: path.parent.name)
def test_committed_files_are_valid(path):
    VALIDATOR.validate(json.loads(path.read_text()))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(FULL)
    VALIDATOR.validate({})


def test_schema_and_reader_agree(tmp_path):
    chance = random.Random(4)
    trees = [FULL, {}]
    while len(trees) < 3000:
        tree = copy.deepcopy(FULL)
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            mutate(tree, chance)
        trees.append(tree)
    taken, lines = check(tmp_path, trees)
    valid = [VALIDATOR.is_valid(tree) for tree in trees]
    wrong = [(tree, line) for tree, a, b, line in zip(trees, taken, valid, lines) if a != b]
    assert not wrong, f"{len(wrong)}, first: {wrong[0]}"
    # Both kinds were there.
    assert 300 < sum(valid) < 2700


def test_every_key_of_the_schema_is_documented():
    text = (ROOT / "docs" / "model-json.md").read_text()

    def keys(schema, prefix=""):
        for key, inner in schema.get("properties", {}).items():
            yield prefix + key
            yield from keys(inner, prefix + key + ".")

    for key in keys(SCHEMA):
        assert f"`{key}`" in text, key
