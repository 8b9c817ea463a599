"""BentoML: a worker process a core, and adaptive batching in each."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
from job import CORES, NUMBERS, PICTURES, ROWS, Model, parse_task, read_picture

MODEL = "BENCH_MODEL"
"""Variable with the model's path, by which BentoML's workers learn it."""

OPTIONS = {"workers": CORES, "traffic": {"timeout": 60}, "logging": {"access": {"enabled": False}}}


@bentoml.service(**OPTIONS)
class Numbers:
    def __init__(self) -> None:
        self._model = Model(os.environ[MODEL])

    @bentoml.api(batchable=True, max_batch_size=1024)
    def predict(self, x: np.ndarray) -> np.ndarray:
        return self._model.run(x.astype(np.float32))


@bentoml.service(**OPTIONS)
class Rows:
    def __init__(self) -> None:
        self._model = Model(os.environ[MODEL])

    @bentoml.api(batchable=True, max_batch_size=32)
    def predict(self, x: np.ndarray) -> np.ndarray:
        return self._model.run(x.astype(np.uint8))


@bentoml.service(**OPTIONS)
class Pictures:
    def __init__(self) -> None:
        self._model = Model(os.environ[MODEL])

    @bentoml.api
    def predict(self, image: str) -> list[float]:
        scores: list[float] = self._model.run(read_picture(base64.b64decode(image))[None])[0].tolist()
        return scores


SERVICES: dict[str, Any] = {NUMBERS: Numbers, ROWS: Rows, PICTURES: Pictures}

if __name__ == "__main__":
    task = parse_task()
    os.environ |= {MODEL: task.model, "BENTOML_DO_NOT_TRACK": "True"}
    service = f"bentoml_server:{SERVICES[task.job].name}"
    serve = [
        "serve",
        service,
        "--host",
        "127.0.0.1",
        "--port",
        str(task.port),
        "--working-dir",
        str(Path(__file__).parent),
    ]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", *serve])
