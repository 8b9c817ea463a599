"""What the stored values of a grey DICOM picture mean: DICOM PS3.3, C.11.1 (modality) and C.11.2 (values of interest).

Stored values have at most 16 bits, so the way is computed once for every value there can be, and looked up for pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi

_Floats = NDArray[np.float64]


def to_gray(values: NDArray[Any], dataset: Dataset) -> NDArray[np.uint8]:
    """Map stored values onto 0 (black) to 255 (white), before any inversion.

    After the modality's rescale or table comes the first table or window of the values of interest; without either, the
    full range of BitsStored.

    Raises:
        ValueError: the rescale or the window has no meaning.
    """
    signed = int(dataset.PixelRepresentation) == 1
    low = -(2 ** (dataset.BitsStored - 1)) if signed else 0
    every = np.arange(low, low + 2**dataset.BitsStored)
    shown = _of_interest(apply_modality_lut(every, dataset), dataset)
    if not np.isfinite(shown).all():
        raise ValueError("the rescale or the window is not finite")
    levels: NDArray[np.uint8] = np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8)
    return np.take(levels, np.clip(values.astype(np.int32), every[0], every[-1]) - low)


def _of_interest(values: NDArray[Any], dataset: Dataset) -> _Floats:
    """Map the modality's values onto 0 to 1."""
    if dataset.get("VOILUTSequence"):
        full = 2 ** int(dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1
        table: NDArray[Any] = apply_voi(np.rint(values).astype(np.int64), dataset)
        return np.asarray(table / full)
    if dataset.get("WindowWidth") is not None and dataset.get("WindowCenter") is not None:
        window = _WINDOWS[str(dataset.get("VOILUTFunction") or "LINEAR")]
        return window(values.astype(np.float64), _first(dataset.WindowCenter), _first(dataset.WindowWidth))
    least, most = float(values.min()), float(values.max())
    return (values - least) / (most - least)


def _first(value: Any) -> float:
    """A file may offer several windows, the first of them as its default."""
    return float(value if isinstance(value, str | float | int) else value[0])


def _linear(values: _Floats, center: float, width: float) -> _Floats:
    if width < 1:
        raise ValueError("a window narrower than 1")
    return _ramp(values, center - 0.5, width - 1)


def _linear_exact(values: _Floats, center: float, width: float) -> _Floats:
    if width <= 0:
        raise ValueError("a window without width")
    return _ramp(values, center, width)


def _sigmoid(values: _Floats, center: float, width: float) -> _Floats:
    if width <= 0:
        raise ValueError("a window without width")
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-4 * (values - center) / width)))


def _ramp(values: _Floats, center: float, width: float) -> _Floats:
    """Rise from 0 to 1 over `width`; without width, step from 0 to 1 above the centre."""
    if width == 0:
        return (values > center).astype(np.float64)
    return (values - center) / width + 0.5


_WINDOWS: Final[Mapping[str, Callable[[_Floats, float, float], _Floats]]] = {
    "LINEAR": _linear,
    "LINEAR_EXACT": _linear_exact,
    "SIGMOID": _sigmoid,
}
"""PS3.3, C.11.2.1.2 and C.11.2.1.3."""
