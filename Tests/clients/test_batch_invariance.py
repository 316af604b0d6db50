"""Promise 1 of the design: a row's answer is bit for bit the same alone and in any batch."""

import concurrent.futures
import http.client
import json

import numpy as np
import pytest

from answers import NPY, REFERENCES, as_json_rows, as_npy, predictions

ROWS = 64
CONNECTIONS = 24


class Client:
    """One kept connection a thread."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def post(self, name, kind, body, accept="application/json"):
        self.connection.request(
            "POST", f"/models/{name}/predict", body, {"Content-Type": kind, "Accept": accept})
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return content


def exact(content):
    """The predictions with numbers as the text they came in."""
    return predictions(json.loads(content, parse_float=str, parse_int=str))


def in_threads(server, work, items):
    """Spreads the items over many connections at once; results in the items' order."""
    items = list(items)

    def take(lane):
        client = Client(server)
        results = [work(client, item) for item in items[lane::CONNECTIONS]]
        client.connection.close()
        return results

    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        lanes = list(pool.map(take, range(min(CONNECTIONS, len(items)))))
    return [lanes[index % CONNECTIONS][index // CONNECTIONS] for index in range(len(items))]


def random_rows(reference, seed):
    random = np.random.default_rng(seed)
    low, high = reference.rows.min(axis=0), reference.rows.max(axis=0)
    return random.uniform(low, high, (ROWS, reference.rows.shape[1])).astype(np.float32)


@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_row_is_answered_the_same_alone_and_in_every_batch(server, reference, seed):
    rows = random_rows(reference, seed)

    def ask(client, chosen):
        return exact(client.post(reference.name, *as_json_rows(reference, rows[chosen])))

    # Alone on an idle server, one after the other.
    client = Client(server)
    alone = [ask(client, [index])[0] for index in range(ROWS)]
    # Alone in a request, but gathered with others by the server.
    together = in_threads(server, ask, [[index] for index in range(ROWS)] * 4)
    for index, answer in enumerate(together):
        assert answer == [alone[index % ROWS]], f"row {index % ROWS} among concurrent requests"
    # In every batch size, at random places, each with other rows around it.
    random = np.random.default_rng(seed)
    batches = [list(random.permutation(ROWS)[:size]) for size in range(1, ROWS + 1)] * 2
    random.shuffle(batches)
    for batch, answer in zip(batches, in_threads(server, ask, batches)):
        for place, index in enumerate(batch):
            assert answer[place] == alone[index], f"row {index} at {place} of {len(batch)}"


@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_numpy_answers_are_the_same_bytes_alone_and_in_every_batch(server, reference):
    rows = random_rows(reference, 3)

    def ask(client, chosen):
        content = client.post(reference.name, *as_npy(reference, rows[chosen]), accept=NPY)
        row_bytes = 4 * len(reference.class_names)
        data = content[-row_bytes * len(chosen):]
        return [data[at:at + row_bytes] for at in range(0, len(data), row_bytes)]

    client = Client(server)
    alone = [ask(client, [index])[0] for index in range(ROWS)]
    random = np.random.default_rng(3)
    batches = [list(random.permutation(ROWS)[:size]) for size in range(1, ROWS + 1)]
    for batch, answer in zip(batches, in_threads(server, ask, batches)):
        assert answer == [alone[index] for index in batch], f"a batch of {len(batch)}"


def test_batches_beyond_the_largest_batch_are_answered_whole(server):
    """More rows than `max_batch_size` in one request: split inside, put together again."""
    reference = REFERENCES[2]
    rows = np.tile(reference.rows, (9, 1))[:1000]
    client = Client(server)
    whole = exact(client.post(reference.name, *as_npy(reference, rows)))
    parts = []
    for at in range(0, len(rows), 50):
        parts += exact(client.post(reference.name, *as_npy(reference, rows[at:at + 50])))
    assert len(whole) == 1000
    assert whole == parts
