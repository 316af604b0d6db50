"""What a user would write to serve the iris model: FastAPI, pydantic, onnxruntime.

The fast way of each part: uvloop and httptools under uvicorn, an async handler (no thread hop for a
model of microseconds), one intra-op thread, and orjson writing the answer without FastAPI's own
validation of it.
"""

import os

import numpy as np
import onnxruntime
import orjson
from fastapi import FastAPI, Response
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(
    os.environ["IRIS_MODEL"], options, providers=["CPUExecutionProvider"])
input_name = session.get_inputs()[0].name
app = FastAPI(openapi_url=None)


class Query(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
async def predict(query: Query):
    labels, probabilities = session.run(
        None, {input_name: np.array(query.instances, np.float32)})
    return Response(
        orjson.dumps({
            "model": "iris", "version": "1",
            "predictions": [
                {"label": label, "probabilities": list(row.values())}
                for label, row in zip(labels.tolist(), probabilities)],
        }),
        media_type="application/json")
