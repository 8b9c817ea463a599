"""Routines: what a request asks to be done with the predictions, in its order.

The document: "Routines List". A routine is a function from an answer to an answer; the table at the bottom names all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modelport.gateway.codecs.number_list import is_list
from modelport.gateway.codecs.words import describe, item, member, one_of
from modelport.gateway.errors import BadRequest
from modelport.gateway.formats.base import Model
from modelport.gateway.formats.nexus.answer import Answer
from modelport.gateway.tasks.classification import binary_doubt, doubt
from modelport.gateway.tasks.predictions import Prediction, class_name
from modelport.gateway.tasks.suppression import suppress

ROUTINES = "routines"
MOST = 32
"""Routines of one request."""
MOST_BINS = 1000
DEFAULT_BINS = 10
_SHOWN_NAMES = 20
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")

Routine = Callable[[Answer], Answer]
Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A routine of the document."""

    arguments: tuple[str, ...]
    build: Callable[[Arguments, str, Model], Routine]
    """From the arguments, their path and the model; raises BadRequest for an argument that is wrong or missing."""


def parse_routines(value: Any, model: Model) -> tuple[Routine, ...]:
    """Read the list of routines; `null` or none at all is an empty one.

    Raises:
        BadRequest: with the path of an unknown name, or of an unknown, missing or wrong argument.
    """
    if value is None:
        return ()
    if not is_list(value):
        raise BadRequest(f"{ROUTINES}: expected a list of objects, got {describe(value)}")
    if len(value) > MOST:
        raise BadRequest(f"{ROUTINES}: expected at most {MOST}, got {len(value)}")
    return tuple(_parse_routine(each, item(ROUTINES, index), model) for index, each in enumerate(value))


def _parse_routine(value: Any, path: str, model: Model) -> Routine:
    if not isinstance(value, dict):
        raise BadRequest(f"{path}: expected an object, got {describe(value)}")
    name = value.get("name")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        got = describe(name) if "name" in value else "none"
        raise BadRequest(f"{path}.name: expected {one_of(tuple(KINDS))}, got {got}")
    arguments = {key: each for key, each in value.items() if key != "name"}
    for key in arguments:
        if key not in kind.arguments:
            raise BadRequest(f"{member(path, key)}: {name} has no such argument; it has {one_of(kind.arguments)}")
    return kind.build(arguments, path, model)


def _histogram(arguments: Arguments, path: str, model: Model) -> Routine:
    """Count the predictions of each class by confidence; a bin holds its upper bound."""
    bounds = _bounds(arguments, path)

    def count(answer: Answer) -> Answer:
        found: dict[str, list[float]] = {}
        for each in answer.predictions:
            found.setdefault(class_name(each.label, model.labels), []).append(each.confidence)
        counts = {name: _counts(confidences, bounds) for name, confidences in sorted(found.items())}
        return _with_block(answer, "histogram", {"ranges": bounds, "counts": counts})

    return count


def _counts(confidences: Sequence[float], bounds: Sequence[float]) -> list[int]:
    places = np.searchsorted(bounds, confidences, side="left")
    counts: list[int] = np.bincount(places, minlength=len(bounds))[: len(bounds)].tolist()
    return counts


def _bounds(arguments: Arguments, path: str) -> list[float]:
    """Return the upper bounds of the bins, ascending."""
    bins, ranges = arguments.get("bins"), arguments.get("ranges")
    if bins is not None and ranges is not None:
        raise BadRequest(f"{path}: expected bins or ranges, got both")
    if ranges is None:
        number = DEFAULT_BINS if bins is None else bins
        if type(number) is not int or not 1 <= number <= MOST_BINS:
            raise BadRequest(f"{path}.bins: expected an integer from 1 to {MOST_BINS}, got {describe(bins)}")
        return [step / number for step in range(1, number + 1)]
    if not is_list(ranges) or not 1 <= len(ranges) <= MOST_BINS:
        got = f"a list of {len(ranges)}" if is_list(ranges) else describe(ranges)
        raise BadRequest(f"{path}.ranges: expected a list of 1 to {MOST_BINS} upper bounds, got {got}")
    bounds = [_fraction(each, item(f"{path}.ranges", index)) for index, each in enumerate(ranges)]
    for index in range(1, len(bounds)):
        if bounds[index] <= bounds[index - 1]:
            place = item(f"{path}.ranges", index)
            raise BadRequest(f"{place}: expected more than the one before, {bounds[index - 1]}, got {bounds[index]}")
    return bounds


def _filter_iou(arguments: Arguments, path: str, model: Model) -> Routine:
    """Of predictions of a class that overlap by more than `iou`, keep the most confident one."""
    iou = _fraction_argument(arguments, "iou", path)

    def keep(answer: Answer) -> Answer:
        placed = [each for each in answer.predictions if each.box is not None]
        if not placed:
            return answer
        stays = suppress(
            np.array([each.box for each in placed]),
            np.array([each.confidence for each in placed]),
            np.array([each.label for each in placed]),
            iou,
        )
        return replace(answer, predictions=tuple(placed[place] for place in stays.tolist()))

    return keep


def _filter_confidence(arguments: Arguments, path: str, model: Model) -> Routine:
    """Keep predictions of at least `confidence`."""
    least = _fraction_argument(arguments, "confidence", path)
    return _only(lambda each: each.confidence >= least)


def _filter_class(arguments: Arguments, path: str, model: Model) -> Routine:
    """Keep predictions of the classes in `class_name`."""
    names = _class_names(arguments, path, model)
    return _only(lambda each: class_name(each.label, model.labels) in names)


def _exclude_class(arguments: Arguments, path: str, model: Model) -> Routine:
    """Drop predictions of the classes in `class_name`."""
    names = _class_names(arguments, path, model)
    return _only(lambda each: class_name(each.label, model.labels) not in names)


def _active_learning(arguments: Arguments, path: str, model: Model) -> Routine:
    """Say how much doubt the predictions leave, and whether the picture is worth a second look."""
    evaluation = model.spec.evaluation
    threshold = None if evaluation is None else evaluation.threshold

    def judge(answer: Answer) -> Answer:
        if answer.chances is not None:
            score = doubt(answer.chances)
        else:
            score = max((binary_doubt(each.confidence) for each in answer.predictions), default=0.0)
        flagged = threshold is not None and score >= threshold
        block = {"strategy": "entropy", "score": score, "threshold": threshold, "flagged": flagged}
        return replace(_with_block(answer, "activeLearning", block), flagged=score if flagged else None)

    return judge


def _only(wanted: Callable[[Prediction], bool]) -> Routine:
    return lambda answer: replace(answer, predictions=tuple(filter(wanted, answer.predictions)))


def _with_block(answer: Answer, name: str, block: Mapping[str, Any]) -> Answer:
    return replace(answer, blocks={**answer.blocks, name: block})


def _fraction_argument(arguments: Arguments, name: str, path: str) -> float:
    if name not in arguments:
        raise BadRequest(f"{path}.{name}: the argument is missing, a number from 0 to 1")
    return _fraction(arguments[name], f"{path}.{name}")


def _fraction(value: Any, path: str) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise BadRequest(f"{path}: expected a number from 0 to 1, got {describe(value)}")
    return float(value)


def _class_names(arguments: Arguments, path: str, model: Model) -> frozenset[str]:
    path = f"{path}.class_name"
    names = arguments.get("class_name")
    if not is_list(names) or not names:
        got = "an empty one" if names == [] else describe(names)
        raise BadRequest(f"{path}: expected a list of class names, got {got}")
    for index, name in enumerate(names):
        if not isinstance(name, str) or not _is_class(name, model.labels):
            raise BadRequest(f"{item(path, index)}: expected {_known(model.labels)}, got {describe(name)}")
    return frozenset(names)


def _is_class(name: str, labels: Sequence[str]) -> bool:
    """Tell whether a class has this name: a label, or the number of a class beyond the labels."""
    return name in labels or (_NUMBER.fullmatch(name) is not None and int(name) >= len(labels))


def _known(labels: Sequence[str]) -> str:
    if not labels:
        return "the number of a class, such as '0'"
    more = f" … ({len(labels)} in all)" if len(labels) > _SHOWN_NAMES else ""
    return one_of(labels[:_SHOWN_NAMES]) + more


KINDS: Mapping[str, _Kind] = {
    "Histogram": _Kind(("bins", "ranges"), _histogram),
    "FilterIOU": _Kind(("iou",), _filter_iou),
    "FilterConfidence": _Kind(("confidence",), _filter_confidence),
    "FilterClass": _Kind(("class_name",), _filter_class),
    "ExcludeClass": _Kind(("class_name",), _exclude_class),
    "ActiveLearning": _Kind((), _active_learning),
}
"""Every routine of the document, by the name that requests give."""
