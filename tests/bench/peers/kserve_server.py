"""KServe's Python model server: a process a core. It joins no requests; in a cluster, KServe's agent before it can."""

from __future__ import annotations

import asyncio
import base64
from functools import cached_property
from pathlib import Path
from typing import Any

import kserve
import kserve.model_server
import numpy as np
from job import CORES, NUMBERS, PICTURES, Model, Task, parse_task, read_picture
from kserve.protocol.rest.multiprocess.server import RESTServerProcess
from kserve.utils.utils import get_predict_response
from numpy.typing import NDArray

START_SECONDS = 60

Payload = dict[str, Any] | kserve.InferRequest


class Served(kserve.Model):
    """Answers KServe's first protocol (`instances`) and its second (Open Inference)."""

    def __init__(self, task: Task) -> None:
        super().__init__("model")
        self._task = task
        self.ready = True

    @cached_property
    def _model(self) -> Model:
        """Opened in each process: KServe pickles this object to start them."""
        return Model(self._task.model)

    async def predict(self, payload: Payload, headers: dict[str, str] | None = None) -> dict[str, Any]:
        return get_predict_response(payload, self._model.run(await self._read(payload)), self.name)

    async def _read(self, payload: Payload) -> NDArray[Any]:
        if isinstance(payload, kserve.InferRequest):
            sent = payload.inputs[0]
            return await _read_pictures(sent.data) if self._task.job == PICTURES else sent.as_numpy()
        instances = payload["instances"]
        if self._task.job == PICTURES:
            return await _read_pictures([each["b64"] for each in instances])
        return np.asarray(instances, np.float32 if self._task.job == NUMBERS else np.uint8)


async def _read_pictures(texts: list[str]) -> NDArray[np.uint8]:
    jpegs = map(base64.b64decode, texts)
    return np.stack(await asyncio.gather(*(asyncio.to_thread(read_picture, jpeg) for jpeg in jpegs)))


if __name__ == "__main__":
    task = parse_task()
    # What --log_config_file sets: no line for each request.
    kserve.model_server.args.log_config_file = str(Path(__file__).with_name("kserve_logging.json"))
    # A process is killed as hung if it has not imported KServe within 5 s, again and again where the machine is busy.
    RESTServerProcess.is_alive.__defaults__ = (START_SECONDS,)
    kserve.ModelServer(http_port=task.port, workers=CORES, enable_grpc=False, enable_latency_logging=False).start(
        [Served(task)]
    )
