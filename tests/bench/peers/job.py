"""What all peers do alike: the command line, the model by onnxruntime, and a picture by Pillow.

    python PEER_server.py JOB MODEL PORT

Runs in the peer's own environment, where Modelport is not.
"""

from __future__ import annotations

import argparse
import io
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

CORES = len(os.sched_getaffinity(0))
NUMBERS, ROWS, PICTURES = "numbers", "rows", "pictures"
SIZE = (224, 224)
"""Width and height of what the model takes."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one run of a peer serves."""

    job: str
    """`numbers`: float32 [n] in JSON; `rows`: uint8 [n, 224, 224, 3] in JSON; `pictures`: a JPEG in base64."""
    model: str
    """Path of the ONNX file."""
    port: int


def parse_task() -> Task:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("job", choices=(NUMBERS, ROWS, PICTURES))
    parser.add_argument("model")
    parser.add_argument("port", type=int)
    return Task(**vars(parser.parse_args()))


class Model:
    """An ONNX model with one input and one output."""

    def __init__(self, path: str) -> None:
        """Open it with the threads that Modelport's own runner gives it: one a core, and none of them spins."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = CORES
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Return the output for a batch, whose first axis is its members."""
        output: NDArray[Any] = self._session.run(None, {self._input: batch})[0]
        return output


def read_picture(jpeg: bytes) -> NDArray[np.uint8]:
    """Decode a JPEG and scale it to what the model takes: uint8 [224, 224, 3]."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).resize(SIZE, Image.Resampling.BILINEAR))
