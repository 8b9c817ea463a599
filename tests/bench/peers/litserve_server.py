"""LitServe: a worker and an HTTP server a core, ZeroMQ between them, batches of what comes within 1 ms."""

import base64
from typing import Any

import litserve as ls
import numpy as np
from job import CORES, NUMBERS, PICTURES, Model, Task, parse_task, read_picture
from numpy.typing import NDArray


class Served(ls.LitAPI):
    """Answers `{"x": …}`, or `{"image": base64}`, with `{"y": …}`; LitServe stacks what `decode_request` returns."""

    def __init__(self, task: Task, **options: Any) -> None:
        super().__init__(**options)
        self._task = task

    def setup(self, device: str) -> None:
        self._model = Model(self._task.model)

    def decode_request(self, request):  # type: ignore[no-untyped-def] # an annotation would become a schema of FastAPI's
        if self._task.job == PICTURES:
            return read_picture(base64.b64decode(request["image"]))
        return np.asarray(request["x"], np.float32 if self._task.job == NUMBERS else np.uint8)

    def predict(self, batch: NDArray[Any]) -> NDArray[Any]:
        if self._task.job == NUMBERS:  # a batch has two axes, requests and their values; the model takes one
            return self._model.run(batch.reshape(-1)).reshape(batch.shape)
        return self._model.run(batch)

    def encode_response(self, output):  # type: ignore[no-untyped-def]
        return {"y": output.tolist()}


if __name__ == "__main__":
    task = parse_task()
    server = ls.LitServer(
        Served(task, max_batch_size=64, batch_timeout=0.001),
        accelerator="cpu",
        workers_per_device=CORES,
        fast_queue=True,
    )
    server.run(host="127.0.0.1", port=task.port, log_level="warning", generate_client_file=False)
