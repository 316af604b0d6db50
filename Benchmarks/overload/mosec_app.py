"""mosec and onnxruntime: two workers, dynamic batches up to 32, JSON in and out."""

import os

import numpy as np
import onnxruntime
from mosec import Server, Worker


class Predict(Worker):
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])

    def forward(self, data):
        rows = [np.array(item["instances"], np.float32) for item in data]
        (y,) = self.session.run(None, {"x": np.concatenate(rows)})
        results, start = [], 0
        for part in rows:
            results.append({"predictions": y[start:start + len(part)].tolist()})
            start += len(part)
        return results


if __name__ == "__main__":
    server = Server()
    server.append_worker(
        Predict, num=int(os.environ["BENCH_WORKERS"]), max_batch_size=32, max_wait_time=1)
    server.run()
