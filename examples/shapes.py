"""The sample image classifier: pictures of four shapes, drawn here, and a small network trained on them with numpy.

Two convolutions and one dense layer, 9,676 weights; a few seconds on one core. `build_models.py` writes it to ONNX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LABELS = ("circle", "cross", "square", "triangle")
SIZE = 32
"""Width and height of a picture in pixels."""


def draw(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Draw `count` pictures: uint8 [count, SIZE, SIZE, 3] and their classes int64 [count], indices into LABELS.

    Place, size, angle and both colours are random; the shape's colour differs visibly from the background's.
    """
    classes = rng.integers(len(LABELS), size=count)
    angle, radius = rng.uniform(-0.35, 0.35, count), rng.uniform(7, 11, count)
    centre = rng.uniform(12, SIZE - 12, (2, count))
    rows, columns = np.mgrid[:SIZE, :SIZE][:, None] - centre[:, :, None, None]
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    u = (cos * columns + sin * rows) / radius[:, None, None]
    v = (cos * rows - sin * columns) / radius[:, None, None]
    masks = np.stack(
        [
            u**2 + v**2 < 1,
            np.minimum(np.abs(u), np.abs(v)) < 0.3,
            np.maximum(np.abs(u), np.abs(v)) < 0.85,
            (v < 0.75) & (v > 1.9 * np.abs(u) - 1),
        ]
    )
    inside = masks[classes, np.arange(count)] & (np.maximum(np.abs(u), np.abs(v)) < 1)
    back = rng.uniform(0, 255, (count, 3))
    front = (back + rng.uniform(60, 195, back.shape)) % 255
    pixels = np.where(inside[..., None], front[:, None, None], back[:, None, None])
    pixels += rng.normal(0, 8, pixels.shape)
    return pixels.clip(0, 255).astype(np.uint8), classes


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution's shape; all have stride 2 and a padding that halves the picture's sides exactly."""

    kernel: int
    inputs: int
    outputs: int

    @property
    def padding(self) -> int:
        """Pixels added on each side."""
        return self.kernel // 2


LAYERS = (Conv(5, 3, 12), Conv(3, 12, 24))
FEATURES = LAYERS[-1].outputs * (SIZE // 4) ** 2


def initial_weights(rng: np.random.Generator) -> dict[str, Array]:
    """Return He-initialised weights: convolutions [kernel, kernel, in, out], the dense layer [features, labels]."""
    shapes = {f"conv{i}": (c.kernel, c.kernel, c.inputs, c.outputs) for i, c in enumerate(LAYERS)}
    shapes["dense"] = (FEATURES, len(LABELS))
    weights = {name: rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape) for name, shape in shapes.items()}
    weights |= {f"{name}_bias": np.zeros(shape[-1]) for name, shape in shapes.items()}
    return {name: value.astype(np.float32) for name, value in weights.items()}


def patches(x: Array, layer: Conv) -> Array:
    """Cut x [n, h, w, c] into what each output pixel sees: [n, h/2, w/2, kernel * kernel * c]."""
    p = layer.padding
    padded = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (layer.kernel, layer.kernel), axis=(1, 2))
    windows = windows[:, ::2, ::2].transpose(0, 1, 2, 4, 5, 3)
    return windows.reshape(*windows.shape[:3], -1)


def unpatch(gradient: Array, shape: tuple[int, ...], layer: Conv) -> Array:
    """Add up what each pixel of an input of `shape` received: the transpose of `patches`."""
    n, h, w, c = shape
    p, k = layer.padding, layer.kernel
    padded = np.zeros((n, h + 2 * p, w + 2 * p, c), np.float32)
    gradient = gradient.reshape(n, h // 2, w // 2, k, k, c)
    for i in range(k):
        for j in range(k):
            padded[:, i : i + h : 2, j : j + w : 2] += gradient[:, :, :, i, j]
    return padded[:, p : p + h, p : p + w]


def scores(weights: dict[str, Array], pictures: Array) -> tuple[Array, list[tuple[Array, Array]]]:
    """Run the network on uint8 pictures: logits [n, labels], and each convolution's (patches, activation)."""
    x, trail = pictures.astype(np.float32) / 255, []
    for i, layer in enumerate(LAYERS):
        seen = patches(x, layer)
        x = np.maximum(seen @ weights[f"conv{i}"].reshape(-1, layer.outputs) + weights[f"conv{i}_bias"], 0)
        trail.append((seen, x))
    return x.reshape(len(x), -1) @ weights["dense"] + weights["dense_bias"], trail


def gradients(weights: dict[str, Array], pictures: Array, classes: Array) -> dict[str, Array]:
    """Return the mean cross-entropy's gradient for each weight."""
    logits, trail = scores(weights, pictures)
    delta = np.exp(logits - logits.max(1, keepdims=True))
    delta /= delta.sum(1, keepdims=True)
    delta[np.arange(len(classes)), classes] -= 1
    delta /= len(classes)
    found = {"dense": trail[-1][1].reshape(len(classes), -1).T @ delta, "dense_bias": delta.sum(0)}
    delta = (delta @ weights["dense"].T).reshape(trail[-1][1].shape)
    for i in reversed(range(len(LAYERS))):
        layer, (seen, active) = LAYERS[i], trail[i]
        delta = (delta * (active > 0)).reshape(-1, layer.outputs)
        found[f"conv{i}"] = (seen.reshape(len(delta), -1).T @ delta).reshape(weights[f"conv{i}"].shape)
        found[f"conv{i}_bias"] = delta.sum(0)
        if i:
            back = delta @ weights[f"conv{i}"].reshape(-1, layer.outputs).T
            delta = unpatch(back, trail[i - 1][1].shape, layer)
    return found


def train(rng: np.random.Generator, *, pictures: int = 6000, epochs: int = 8, batch: int = 50) -> dict[str, Array]:
    """Train by Adam on fresh pictures and return the weights, float32."""
    x, y = draw(rng, pictures)
    weights = initial_weights(rng)
    mean = {name: np.zeros_like(value) for name, value in weights.items()}
    square = {name: np.zeros_like(value) for name, value in weights.items()}
    steps = epochs * pictures // batch
    order = np.concatenate([rng.permutation(pictures) for _ in range(epochs)]).reshape(steps, batch)
    for step, chosen in enumerate(order, 1):
        rate = 0.003 * (1 - step / (steps + 1))
        for name, gradient in gradients(weights, x[chosen], y[chosen]).items():
            mean[name] += 0.1 * (gradient - mean[name])
            square[name] += 0.01 * (gradient**2 - square[name])
            update = mean[name] / (1 - 0.9**step) / (np.sqrt(square[name] / (1 - 0.99**step)) + 1e-8)
            weights[name] -= (rate * update).astype(np.float32)
    return weights


def accuracy(weights: dict[str, Array], pictures: Array, classes: Array) -> float:
    """Return the share of pictures that the network names rightly."""
    return float((scores(weights, pictures)[0].argmax(1) == classes).mean())
