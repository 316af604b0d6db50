"""FastAPI and xgboost's inplace_predict, one thread a call."""

import os

import numpy as np
import xgboost
from fastapi import FastAPI
from fastapi.responses import ORJSONResponse
from pydantic import BaseModel

model = xgboost.Booster(params={"nthread": 1}, model_file=os.environ["BENCH_MODEL"])
app = FastAPI(openapi_url=None)


class Query(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
async def predict(query: Query):
    y = model.inplace_predict(np.array(query.instances, np.float32))
    return ORJSONResponse({"predictions": y.tolist()})
