"""What a user of mosec would write to serve the iris model: two onnxruntime workers, batches of up to 32 requests.

A millisecond is the shortest that mosec waits for company; workers of one intra-op thread, as many as cores here.
"""

import os

import numpy as np
import onnxruntime
from mosec import Runtime, Server, Worker


class Predict(Worker):
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["IRIS_MODEL"], options, providers=["CPUExecutionProvider"])
        self.input_name = self.session.get_inputs()[0].name

    def forward(self, data):
        rows = [np.array(item["instances"], np.float32) for item in data]
        labels, probabilities = self.session.run(None, {self.input_name: np.concatenate(rows)})
        predictions = [
            {"label": label, "probabilities": list(row.values())}
            for label, row in zip(labels.tolist(), probabilities)]
        results, start = [], 0
        for part in rows:
            results.append({
                "model": "iris", "version": "1", "predictions": predictions[start:start + len(part)]})
            start += len(part)
        return results


if __name__ == "__main__":
    server = Server()
    workers = int(os.environ["IRIS_WORKERS"])
    server.register_runtime({"/predict": [Runtime(Predict, num=workers, max_batch_size=32, max_wait_time=1)]})
    server.run()
