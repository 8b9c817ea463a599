"""Make the sample models that the manifests beside this file publish; nothing is downloaded.

    python examples/build_models.py [--out examples/models]

A second run finds everything up to date and returns at once. The same script on the same machine writes the same bytes.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

# One thread sums in one order, so that training gives the same weights on machines with more cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from shapes import Array

HERE = Path(__file__).resolve().parent
STAMP = ".built"
MODULES = ("shapes.py", "finders.py", "deliveries.py", "brightness.py", "notes.py")
SOURCES = (Path(__file__).resolve(), *(HERE / module for module in MODULES), HERE / "echo" / "model.py")

HALF_PLUS_TWO = """
<ir_version: 8, opset_import: ["": 17]>
half_plus_two (float[batch] x) => (float[batch] y)
<float a = {0.5}, float b = {2.0}>
{
    scaled = Mul(x, a)
    y = Add(scaled, b)
}
"""

HALF_PLUS_THREE = """
<ir_version: 8, opset_import: ["": 17]>
half_plus_three (float[batch] x) => (float[batch] y)
<float a = {0.5}, float b = {3.0}>
{
    scaled = Mul(x, a)
    y = Add(scaled, b)
}
"""

RIPENESS = """
<ir_version: 8, opset_import: ["": 17]>
ripeness (float[batch] colour, float[batch] firmness) => (float[batch, 3] scores)
<int64[1] last = {1}, float[2, 3] weights = {WEIGHTS}, float[3] bias = {BIAS}>
{
    column = Unsqueeze(colour, last)
    other = Unsqueeze(firmness, last)
    features = Concat<axis: int = 1>(column, other)
    logits = Gemm(features, weights, bias)
    scores = Softmax<axis: int = 1>(logits)
}
"""
RIPENESS_VERSIONS = {
    3: {"WEIGHTS": "-4.0, 3.0, 5.0, 5.0, 1.0, -6.0", "BIAS": "0.0, -1.0, -1.0"},
    4: {"WEIGHTS": "-6.0, 4.0, 7.0, 7.0, 1.0, -8.0", "BIAS": "0.0, -1.0, -0.5"},
}

SHAPES = """
<ir_version: 8, opset_import: ["": 17]>
shapes (uint8[batch, 32, 32, 3] image) => (float[batch, 4] probabilities)
<float white = {255.0}, int64[2] flat = {0, -1}>
{
    pixels = Cast<to: int = 1>(image)
    scaled = Div(pixels, white)
    planes = Transpose<perm: ints = [0, 3, 1, 2]>(scaled)
    c0 = Conv<strides: ints = [2, 2], pads: ints = [2, 2, 2, 2]>(planes, conv0, conv0_bias)
    r0 = Relu(c0)
    c1 = Conv<strides: ints = [2, 2], pads: ints = [1, 1, 1, 1]>(r0, conv1, conv1_bias)
    r1 = Relu(c1)
    rows = Transpose<perm: ints = [0, 2, 3, 1]>(r1)
    features = Reshape(rows, flat)
    logits = Gemm(features, dense, dense_bias)
    probabilities = Softmax<axis: int = 1>(logits)
}
"""


def onnx_bytes(text: str, weights: dict[str, Array] | None = None) -> bytes:
    """Compile a model written in ONNX's text syntax, with `weights` as further initializers, and check it."""
    import onnx

    model = onnx.parser.parse_model(text)
    model.producer_name = "modelport-examples"
    for name, value in sorted((weights or {}).items()):
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def png_bytes(picture: Array) -> bytes:
    """Encode a picture, uint8 [height, width, 3], as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = picture.shape
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def npy_bytes(array: Array) -> bytes:
    """Encode an array as `.npy`."""
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def ripeness(version: int) -> bytes:
    """Compile one version of the ripeness model; version 4 is surer of itself than 3."""
    text = RIPENESS
    for placeholder, numbers in RIPENESS_VERSIONS[version].items():
        text = text.replace(placeholder, numbers)
    return onnx_bytes(text)


def shapes_files() -> dict[str, bytes]:
    """Train the classifier; return its model, its labels and pictures that it was not trained on."""
    import numpy as np
    import shapes

    weights = shapes.train(np.random.default_rng(0))
    pictures, classes = shapes.draw(np.random.default_rng(1), 500)
    accuracy = shapes.accuracy(weights, pictures, classes)
    if accuracy < 0.95:
        raise SystemExit(f"shapes: trained to {accuracy:.1%} on held-out pictures, 95% expected")
    print(f"shapes: {accuracy:.1%} of 500 held-out pictures named rightly")
    kernels = {
        name: np.ascontiguousarray(value.transpose(3, 2, 0, 1)) if value.ndim == 4 else value
        for name, value in weights.items()
    }
    files = {
        "shapes/model.onnx": onnx_bytes(SHAPES, kernels),
        "shapes/labels.txt": "".join(f"{label}\n" for label in shapes.LABELS).encode(),
        "pictures/pictures.npy": npy_bytes(pictures[:100]),
        "pictures/classes.npy": npy_bytes(classes[:100]),
    }
    one_each = [pictures[int(np.argmax(classes == k))] for k in range(len(shapes.LABELS))]
    body = json.dumps({"instances": [picture.tolist() for picture in one_each]}, separators=(",", ":"))
    files["pictures/request.json"] = body.encode()
    return files | {
        f"pictures/{label}.png": png_bytes(picture) for label, picture in zip(shapes.LABELS, one_each, strict=True)
    }


def finders_files() -> dict[str, bytes]:
    """Return the two models that find bright things, a picture for each, and the body of a request with it."""
    import finders

    pictures = {"rectangles": finders.draw_rectangles(), "blobs": finders.draw_blobs()}
    files = {
        "rectangles/model.onnx": onnx_bytes(finders.RECTANGLES, finders.rectangles_weights()),
        "blobs/model.onnx": onnx_bytes(finders.BLOBS, finders.blobs_weights()),
    }
    for name, picture in pictures.items():
        png = png_bytes(picture)
        body = {"image_type": "base64", "data": base64.b64encode(png).decode()}
        files |= {f"pictures/{name}.png": png, f"pictures/{name}.json": json.dumps(body).encode()}
    return files


def brightness_files() -> dict[str, bytes]:
    """Return the model of two inputs, a picture for it, and the body of a request with both."""
    import brightness

    png = png_bytes(brightness.draw_picture())
    return {
        "brightness/model.onnx": onnx_bytes(brightness.BRIGHTNESS),
        "pictures/brightness.png": png,
        "pictures/brightness.json": nnc_body(("x1", "png", base64.b64encode(png).decode()), ("x2", "vector", [0.25])),
    }


def notes_files() -> dict[str, bytes]:
    """Return the model that hears notes, a sound for it, and the body of a request with that."""
    import notes

    wav = notes.wav_bytes(notes.tone("A4"))
    return {
        "notes/model.onnx": onnx_bytes(notes.NOTES, {"matrix": notes.matrix()}),
        "sounds/A4.wav": wav,
        "sounds/A4.json": nnc_body(("x", "wav", base64.b64encode(wav).decode())),
    }


def nnc_body(*inputs: tuple[str, str, object]) -> bytes:
    """Return the body of a request by `nnc`; an input is its name, type and data."""
    entries = [dict(zip(("name", "type", "data"), each, strict=True)) for each in inputs]
    return json.dumps({"inputs": entries}).encode()


def deliveries_files() -> dict[str, bytes]:
    """Return the two models of table rows, a table, and the body of a request with it."""
    import deliveries
    import numpy as np

    return {
        "deliveries/model.onnx": onnx_bytes(deliveries.DELIVERIES, deliveries.fit_deliveries(np.random.default_rng(0))),
        "minutes/model.onnx": onnx_bytes(deliveries.MINUTES, deliveries.fit_minutes(np.random.default_rng(0))),
        "tables/deliveries.csv": deliveries.TABLE.encode(),
        "tables/deliveries.json": deliveries.request(),
    }


def build() -> dict[str, bytes]:
    """Return every file of every sample model by its path below the output folder."""
    return {
        "half_plus_two/model.onnx": onnx_bytes(HALF_PLUS_TWO),
        "half_plus_three/123/model.onnx": onnx_bytes(HALF_PLUS_THREE),
        "echo/model.py": (HERE / "echo" / "model.py").read_bytes(),
        "ripeness/3/model.onnx": ripeness(3),
        "ripeness/4/model.onnx": ripeness(4),
        **shapes_files(),
        **finders_files(),
        **deliveries_files(),
        **brightness_files(),
        **notes_files(),
    }


def stamp(paths: list[str]) -> str:
    """Return what the stamp file holds when `paths` were written from the sources as they are."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()
    return "\n".join([digest, *sorted(paths)]) + "\n"


def up_to_date(out: Path) -> bool:
    """Tell whether the last run wrote everything from these very sources and nothing has gone since."""
    if not (out / STAMP).is_file():
        return False
    written = (out / STAMP).read_text()
    paths = written.splitlines()[1:]
    return written == stamp(paths) and all((out / path).is_file() for path in paths)


def write(out: Path, files: dict[str, bytes]) -> None:
    """Write the files; one that holds the right bytes already is left alone, so that nothing reloads for its sake."""
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != content:
            fresh = path.with_name(path.name + ".new")
            fresh.write_bytes(content)
            fresh.replace(path)
    (out / STAMP).write_text(stamp(list(files)))


def main() -> None:
    """Build what is missing or older than its source."""
    parser = argparse.ArgumentParser(description="Make the sample models; nothing is downloaded.")
    parser.add_argument("--out", type=Path, default=HERE / "models", help="output folder (default: %(default)s)")
    out = parser.parse_args().out
    if up_to_date(out):
        print(f"sample models in {out} are up to date")
        return
    write(out, build())
    print(f"sample models written to {out}")


if __name__ == "__main__":
    main()
