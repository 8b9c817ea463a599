"""What reading a picture costs at least: one process that makes the same pixels of the same base64, again and again.

    python bare.py FILE WIDTH HEIGHT FACTOR SECONDS

Says `ready`, begins with a line on its standard input, and prints how many pictures it made, in how many seconds, with
how many seconds of CPU time. Nothing of Modelport is in it, and neither JSON, HTTP nor a model.
"""

from __future__ import annotations

import base64
import io
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def make(text: str, size: tuple[int, int], factor: int = 1) -> NDArray[Any]:
    """Decode base64 and JPEG, `factor` times smaller, and scale to a width and height: uint8 [height, width, 3]."""
    picture = Image.open(io.BytesIO(base64.b64decode(text)))
    if factor > 1:
        picture.draft(None, (picture.width // factor, picture.height // factor))
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


def main() -> None:
    """Make pictures for the time that was asked for."""
    file, width, height, factor, seconds = sys.argv[1:]
    text, size = Path(file).read_text(encoding="ascii"), (int(width), int(height))
    make(text, size, int(factor))
    print("ready", flush=True)
    sys.stdin.readline()
    began, used, made = time.perf_counter(), time.process_time(), 0
    while (elapsed := time.perf_counter() - began) < float(seconds):
        make(text, size, int(factor))
        made += 1
    print(made, elapsed, time.process_time() - used, flush=True)


if __name__ == "__main__":
    main()
