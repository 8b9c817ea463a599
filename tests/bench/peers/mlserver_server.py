"""MLServer: a pool of worker processes, and adaptive batching before it."""

from __future__ import annotations

import asyncio

import numpy as np
from job import CORES, NUMBERS, PICTURES, Model, Task, parse_task, read_picture
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import install_uvloop_event_loop


class Served(MLModel):
    """Answers Open Inference; `parameters.extra` names the job, since the pool's processes are told nothing else."""

    async def load(self) -> bool:
        self._model = Model(self.settings.parameters.uri)
        self._job = self.settings.parameters.extra["job"]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        sent = payload.inputs[0]
        if self._job == PICTURES:
            batch = np.stack([read_picture(jpeg) for jpeg in self.decode(sent, default_codec=Base64Codec)])
        else:
            batch = self.decode(sent, default_codec=NumpyCodec)
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("output", self._model.run(batch))]
        )


def build_settings(task: Task) -> tuple[Settings, ModelSettings]:
    settings = Settings(
        debug=False,
        host="127.0.0.1",
        http_port=task.port,
        grpc_port=0,
        metrics_endpoint=None,
        gzip_enabled=False,
        parallel_workers=0 if task.job == NUMBERS else CORES,
        load_models_at_startup=False,
    )
    model = ModelSettings(
        name="model",
        implementation="mlserver_server.Served",
        max_batch_size=64,
        max_batch_time=0.001,
        parameters=ModelParameters(uri=task.model, extra={"job": task.job}),
    )
    return settings, model


async def main() -> None:
    settings, model = build_settings(parse_task())
    await MLServer(settings).start([model])


if __name__ == "__main__":
    install_uvloop_event_loop()
    asyncio.run(main())
