"""Of boxes that overlap the best alone stay: non-maximum suppression, class by class."""

from __future__ import annotations

import numpy as np

from modelport.gateway.tasks.boxes import overlap
from modelport.gateway.tensors import Array


def suppress(boxes: Array, scores: Array, classes: Array, threshold: float, *, keep: int | None = None) -> Array:
    """Return the places of the boxes that stay, the best first.

    A box goes if it overlaps a better one of its class by more than `threshold`; of equal scores the earlier is better.

    Args:
        boxes: corners [n, 4].
        scores: [n].
        classes: [n] integers.
        threshold: intersection over union, 0 to 1.
        keep: as many stay at most; None for all.
    """
    rest = np.argsort(-scores, kind="stable")
    stays: list[int] = []
    while rest.size and (keep is None or len(stays) < keep):
        best, rest = rest[0], rest[1:]
        stays.append(int(best))
        rivals = (classes[rest] == classes[best]) & (overlap(boxes[best], boxes[rest]) > threshold)
        rest = rest[~rivals]
    return np.array(stays, np.intp)
