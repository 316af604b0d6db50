"""mosec and xgboost: two workers, dynamic batches up to 32, JSON in and out."""

import os

import numpy as np
import xgboost
from mosec import Server, Worker


class Predict(Worker):
    def __init__(self):
        self.model = xgboost.Booster(params={"nthread": 1}, model_file=os.environ["BENCH_MODEL"])

    def forward(self, data):
        rows = [np.array(item["instances"], np.float32) for item in data]
        y = self.model.inplace_predict(np.concatenate(rows))
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
