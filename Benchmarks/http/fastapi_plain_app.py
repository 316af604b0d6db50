"""The same service as the tutorials have it: a plain function, a dictionary as the answer, and every
option at its default. FastAPI then runs the function in a thread and checks and writes the answer."""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

session = onnxruntime.InferenceSession(os.environ["IRIS_MODEL"])
app = FastAPI()


class Query(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
def predict(query: Query):
    labels, probabilities = session.run(None, {"features": np.array(query.instances, np.float32)})
    return {
        "model": "iris", "version": "1",
        "predictions": [
            {"label": label, "probabilities": list(row.values())}
            for label, row in zip(labels.tolist(), probabilities)],
    }
