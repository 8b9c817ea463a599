from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.api import PublishedModelSpec
from modelport.gateway.errors import BadRequest
from modelport.gateway.formats.base import Model
from modelport.gateway.formats.nexus.answer import Answer, build_answer
from modelport.gateway.formats.nexus.coco import build_coco
from modelport.gateway.formats.nexus.routines import KINDS, MOST, parse_routines
from modelport.gateway.tasks.predictions import Prediction
from modelport.gateway.tensors import ModelMeta

LABELS = ("acorn", "squirrel")


def model(labels: tuple[str, ...] = LABELS, **spec: Any) -> Model:
    blocks = {"model": {"name": "m", "format": "ONNX", "source": {"uri": "file:m"}}, **spec}
    meta = ModelMeta("m", 1, "onnx", 8, {}, {})
    return Model("m", PublishedModelSpec.model_validate(blocks, strict=False), labels, meta)


MODEL = model()
DOUBTFUL = model(io={"task": "ImageClassification"}, evaluation={"threshold": 0.6})

BEST = Prediction(1, 0.9, (0.0, 0.0, 0.5, 0.5))
RIVAL = Prediction(1, 0.8, (0.0, 0.0, 0.5, 0.4))
OTHER = Prediction(0, 0.8, (0.0, 0.0, 0.5, 0.4))
LEAST = Prediction(7, 0.3, (0.5, 0.5, 1.0, 1.0))
SEEN = Answer((BEST, RIVAL, OTHER, LEAST))
NAMED = Answer((Prediction(1, 0.75),), np.array([0.25, 0.75]))


def run(answer: Answer, *routines: dict[str, Any], on: Model = MODEL) -> Answer:
    for routine in parse_routines(list(routines), on):
        answer = routine(answer)
    return answer


@pytest.mark.parametrize(
    ("routine", "left"),
    [
        pytest.param({"name": "FilterIOU", "iou": 0.5}, (BEST, OTHER, LEAST), id="overlap above the threshold"),
        pytest.param({"name": "FilterIOU", "iou": 0.8}, (BEST, RIVAL, OTHER, LEAST), id="overlap at the threshold"),
        pytest.param({"name": "FilterConfidence", "confidence": 0.8}, (BEST, RIVAL, OTHER), id="at the confidence"),
        pytest.param({"name": "FilterConfidence", "confidence": 0}, (BEST, RIVAL, OTHER, LEAST), id="any confidence"),
        pytest.param({"name": "FilterClass", "class_name": ["acorn"]}, (OTHER,), id="a class"),
        pytest.param({"name": "FilterClass", "class_name": ["acorn", "7"]}, (OTHER, LEAST), id="a class by its number"),
        pytest.param({"name": "ExcludeClass", "class_name": ["squirrel"]}, (OTHER, LEAST), id="all but a class"),
    ],
)
def test_filters(routine: dict[str, Any], left: tuple[Prediction, ...]) -> None:
    assert run(SEEN, routine) == Answer(left)


def test_overlap_means_nothing_to_a_classification() -> None:
    assert run(NAMED, {"name": "FilterIOU", "iou": 0}) is NAMED


@pytest.mark.parametrize(
    ("arguments", "ranges", "counts"),
    [
        pytest.param({"bins": 2}, [0.5, 1.0], {"7": [1, 0], "acorn": [0, 1], "squirrel": [0, 2]}, id="bins"),
        pytest.param(
            {"ranges": [0.3, 0.8, 1]},
            [0.3, 0.8, 1.0],
            {"7": [1, 0, 0], "acorn": [0, 1, 0], "squirrel": [0, 1, 1]},
            id="r",
        ),
        pytest.param({"ranges": [0.3]}, [0.3], {"7": [1], "acorn": [0], "squirrel": [0]}, id="nothing above the last"),
    ],
)
def test_histogram(arguments: dict[str, Any], ranges: list[float], counts: dict[str, list[int]]) -> None:
    answer = run(SEEN, {"name": "Histogram", **arguments})
    assert answer.predictions == SEEN.predictions
    assert answer.blocks == {"histogram": {"ranges": ranges, "counts": counts}}


def test_histogram_has_ten_bins_unless_told() -> None:
    assert run(SEEN, {"name": "Histogram"}).blocks["histogram"]["ranges"] == [n / 10 for n in range(1, 11)]


def test_order_matters() -> None:
    filter_, count = {"name": "FilterConfidence", "confidence": 0.9}, {"name": "Histogram", "bins": 1}
    assert run(SEEN, filter_, count).blocks["histogram"]["counts"] == {"squirrel": [1]}
    assert run(SEEN, count, filter_).blocks["histogram"]["counts"] == {"7": [1], "acorn": [1], "squirrel": [2]}


@pytest.mark.parametrize(
    ("answer", "on", "score", "threshold", "flagged"),
    [
        pytest.param(NAMED, DOUBTFUL, 0.8113, 0.6, True, id="a classification in doubt"),
        pytest.param(Answer((), np.array([0.01, 0.99])), DOUBTFUL, 0.0808, 0.6, False, id="a sure classification"),
        pytest.param(SEEN, MODEL, 0.8813, None, False, id="the least sure box, and no threshold"),
        pytest.param(Answer(()), MODEL, 0, None, False, id="nothing found"),
    ],
)
def test_active_learning(answer: Answer, on: Model, score: float, threshold: float | None, flagged: bool) -> None:
    found = run(answer, {"name": "ActiveLearning"}, on=on)
    assert found.predictions == answer.predictions
    block = {"strategy": "entropy", "score": pytest.approx(score, abs=1e-4), "threshold": threshold, "flagged": flagged}
    assert found.blocks == {"activeLearning": block}


def test_active_learning_judges_what_is_kept() -> None:
    sure = run(SEEN, {"name": "FilterConfidence", "confidence": 0.9}, {"name": "ActiveLearning"})
    assert sure.blocks["activeLearning"]["score"] == pytest.approx(0.469, abs=1e-4)


@pytest.mark.parametrize(
    ("routines", "message"),
    [
        ({}, "routines: expected a list of objects, got an object"),
        ([{"name": "ActiveLearning"}] * (MOST + 1), f"routines: expected at most {MOST}, got {MOST + 1}"),
        (["ActiveLearning"], 'routines[0]: expected an object, got the string "ActiveLearning"'),
        ([{}], f"routines[0].name: expected {', '.join(map(repr, KINDS))}, got none"),
        ([{"name": None}], f"routines[0].name: expected {', '.join(map(repr, KINDS))}, got null"),
        ([{"name": "ActiveLearning", "x": 1}], "routines[0].x: ActiveLearning has no such argument; it has none"),
        ([{"name": "FilterIOU"}], "routines[0].iou: the argument is missing, a number from 0 to 1"),
        ([{"name": "FilterIOU", "iou": 1.5}], "routines[0].iou: expected a number from 0 to 1, got the number 1.5"),
        ([{"name": "FilterIOU", "iou": True}], "routines[0].iou: expected a number from 0 to 1, got true"),
        (
            [{"name": "FilterConfidence", "confidence": "0.5"}],
            'routines[0].confidence: expected a number from 0 to 1, got the string "0.5"',
        ),
        ([{"name": "Histogram", "bins": 1, "ranges": [1]}], "routines[0]: expected bins or ranges, got both"),
        ([{"name": "Histogram", "bins": 0}], "routines[0].bins: expected an integer from 1 to 1000, got the number 0"),
        (
            [{"name": "Histogram", "bins": 1.0}],
            "routines[0].bins: expected an integer from 1 to 1000, got the number 1.0",
        ),
        ([{"name": "Histogram", "bins": True}], "routines[0].bins: expected an integer from 1 to 1000, got true"),
        (
            [{"name": "Histogram", "ranges": []}],
            "routines[0].ranges: expected a list of 1 to 1000 upper bounds, got a list of 0",
        ),
        (
            [{"name": "Histogram", "ranges": [0.5, 0.5]}],
            "routines[0].ranges[1]: expected more than the one before, 0.5, got 0.5",
        ),
        (
            [{"name": "Histogram", "ranges": [0.5, 2]}],
            "routines[0].ranges[1]: expected a number from 0 to 1, got the number 2",
        ),
        (
            [{"name": "FilterClass", "class_name": "acorn"}],
            'routines[0].class_name: expected a list of class names, got the string "acorn"',
        ),
        (
            [{"name": "FilterClass", "class_name": []}],
            "routines[0].class_name: expected a list of class names, got an empty one",
        ),
        ([{"name": "FilterClass"}], "routines[0].class_name: expected a list of class names, got null"),
        (
            [{"name": "ExcludeClass", "class_name": ["acorn", "1"]}],
            "routines[0].class_name[1]: expected 'acorn', 'squirrel', got the string \"1\"",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_routines(routines: Any, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_routines(routines, MODEL)
    assert caught.value.message == message


def test_names_are_listed_up_to_twenty() -> None:
    many = tuple(f"class {n}" for n in range(30))
    with pytest.raises(BadRequest, match=r"'class 0', .*'class 19' … \(30 in all\), got"):
        parse_routines([{"name": "FilterClass", "class_name": ["cat"]}], model(many))


def test_classes_without_labels_are_numbers() -> None:
    unlabelled = model(())
    assert run(SEEN, {"name": "FilterClass", "class_name": ["1"]}, on=unlabelled) == Answer((BEST, RIVAL))
    with pytest.raises(BadRequest, match="expected the number of a class, such as '0'"):
        parse_routines([{"name": "FilterClass", "class_name": ["01"]}], unlabelled)


FRACTIONS = st.floats(0, 1)
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.sampled_from(LABELS))
VALUES = st.one_of(ANYTHING, st.lists(ANYTHING, max_size=3), FRACTIONS, st.lists(FRACTIONS, max_size=3))
ARGUMENTS = st.sampled_from([argument for kind in KINDS.values() for argument in kind.arguments])
LOOSE = st.builds(
    lambda name, arguments: {"name": name, **arguments},
    st.sampled_from([*KINDS, "Other"]),
    st.dictionaries(ARGUMENTS, VALUES, max_size=2),
)
NAMES = st.lists(st.sampled_from([*LABELS, "2", "9"]), min_size=1, max_size=3)
RIGHT = st.one_of(
    st.builds(lambda iou: {"name": "FilterIOU", "iou": iou}, FRACTIONS),
    st.builds(lambda least: {"name": "FilterConfidence", "confidence": least}, FRACTIONS),
    st.builds(
        lambda name, names: {"name": name, "class_name": names}, st.sampled_from(["FilterClass", "ExcludeClass"]), NAMES
    ),
    st.builds(lambda bins: {"name": "Histogram", "bins": bins}, st.integers(1, 20)),
    st.just({"name": "ActiveLearning"}),
)
BOXES = st.tuples(FRACTIONS, FRACTIONS, FRACTIONS, FRACTIONS)
PREDICTIONS = st.lists(st.builds(Prediction, st.integers(0, 9), FRACTIONS, BOXES), max_size=8)


@given(routines=st.one_of(st.lists(LOOSE, max_size=4), VALUES), predictions=PREDICTIONS)
def test_any_routines_on_any_predictions_are_carried_out_or_a_bad_request(
    routines: Any, predictions: list[Prediction]
) -> None:
    answer = Answer(tuple(predictions))
    with suppress(BadRequest):
        for routine in parse_routines(routines, MODEL):
            answer = routine(answer)
    assert set(answer.predictions) <= set(predictions)


@given(routines=st.lists(RIGHT, max_size=5), predictions=PREDICTIONS)
def test_right_routines_leave_an_answer_that_can_be_worded(
    routines: list[dict[str, Any]], predictions: list[Prediction]
) -> None:
    predictions.sort(key=lambda each: -each.confidence)
    answer = run(Answer(tuple(predictions)), *routines)
    worded = build_answer(answer, LABELS)["predictions"]
    assert [each["annotationId"] for each in worded] == list(range(len(answer.predictions)))
    assert [each["confidence"] for each in worded] == sorted((each["confidence"] for each in worded), reverse=True)
    assert len(build_coco(answer, LABELS, (40, 20))["annotations"]) == len(worded)
