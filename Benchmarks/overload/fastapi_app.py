"""FastAPI and onnxruntime; a run of milliseconds goes to the thread pool, as it should."""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from fastapi.responses import ORJSONResponse
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(
    os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
app = FastAPI(openapi_url=None)


class Query(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
def predict(query: Query):
    (y,) = session.run(None, {"x": np.array(query.instances, np.float32)})
    return ORJSONResponse({"predictions": y.tolist()})
