"""Whether `spec.io`, which says what the tensors mean, speaks of tensors that the model has."""

from __future__ import annotations

from collections.abc import Iterator

from modelport.api.io import ImageInput, Signature
from modelport.repository.checks.problem import Problem, names
from modelport.repository.checks.tensors import find
from modelport.repository.formats.base import ANY, ModelSignature, Tensor
from modelport.repository.inspect import Inspected

CHANNELS = {"RGB": 3, "BGR": 3, "Gray": 1}
AXES = {"NCHW": (1, 2, 3), "NHWC": (3, 1, 2)}
"""Where channels, height and width lie in a batch of pictures."""
CLASSIFIERS = frozenset({"ImageClassification", "TabularClassification", "AudioClassification"})


def inputs_exist(model: Inspected) -> Iterator[Problem]:
    """Inputs that `spec.io.inputs` describes are the model's, and have room for what they are to take."""
    own = model.newest
    for index, wanted in enumerate(model.resource.spec.io.inputs if own.known else ()):
        path = f"spec.io.inputs[{index}]"
        tensor = find(own.inputs, wanted.name)
        if tensor is None:
            there = names(tensor.name for tensor in own.inputs)
            yield Problem(f"{path}.name", f"the model has no input '{wanted.name}'; it has {there}")
        elif wanted.kind != "Tensor" and tensor.dtype in ("BYTES", "BOOL"):
            yield Problem(f"{path}.kind", f"{wanted.kind}, but the model's input is '{tensor}'; numbers are needed")
        elif wanted.kind == "Image":
            yield from picture_fits(f"{path}.image", wanted.image or ImageInput(), tensor)


def picture_fits(path: str, image: ImageInput, tensor: Tensor) -> Iterator[Problem]:
    """A picture of the declared layout, color and size goes into the tensor."""
    if len(tensor.shape) != 4:
        yield Problem(f"{path}.layout", f"{image.layout} has four dimensions, but the model's input is '{tensor}'")
        return
    channels, height, width = (tensor.shape[axis] for axis in AXES[image.layout])
    if channels not in (ANY, CHANNELS[image.color]):
        other = "NHWC" if image.layout == "NCHW" else "NCHW"
        swapped = tensor.shape[AXES[other][0]] == CHANNELS[image.color]
        advice = f"; is its layout {other}?" if swapped else ""
        yield Problem(
            f"{path}.color",
            f"{image.color} has {CHANNELS[image.color]} channels in layout {image.layout}, but the model's input is"
            f" '{tensor}'{advice}",
        )
        return
    for field, wanted, there in (("width", image.width, width), ("height", image.height, height)):
        if wanted is None and there == ANY:
            yield Problem(f"{path}.{field}", f"missing, and the model's input '{tensor}' leaves it free; say how large")
        elif wanted is not None and there not in (ANY, wanted):
            yield Problem(f"{path}.{field}", f"{wanted}, but the model's input is '{tensor}'; expected {there}")


def labels_fit(model: Inspected) -> Iterator[Problem]:
    """There are as many labels as a classifier has scores."""
    io, own = model.resource.spec.io, model.newest
    count = len(model.labels)
    scores = list(score_outputs(io.task, io.signatures, own))
    if count and scores and all(tensor.shape[-1] not in (ANY, count) for tensor in scores):
        path = "spec.io.labels" if io.labels_from is None else "spec.io.labelsFrom"
        yield Problem(path, f"{count} labels, but the model's output is '{scores[0]}'; expected {scores[0].shape[-1]}")


def score_outputs(task: str, signatures: tuple[Signature, ...], own: ModelSignature) -> Iterator[Tensor]:
    """Yield the outputs that may hold one score a class: those of Classify signatures, else any numbers."""
    classify = [signature for signature in signatures if signature.method == "Classify"]
    for signature in classify:
        tensor = find(own.outputs, signature.outputs.get("scores", "")) or (own.outputs[0] if own.outputs else None)
        if tensor is not None and len(tensor.shape) > 1:
            yield tensor
    if not classify and task in CLASSIFIERS:
        yield from (t for t in own.outputs if len(t.shape) > 1 and t.dtype.startswith("FP"))


def signatures_fit(model: Inspected) -> Iterator[Problem]:
    """Signatures name the model's tensors, and those of Classify and Regress have the ranks that their answers need."""
    own = model.newest
    for index, signature in enumerate(model.resource.spec.io.signatures if own.known else ()):
        path = f"spec.io.signatures[{index}]"
        for kind, renames, there in (
            ("inputs", signature.inputs, own.inputs),
            ("outputs", signature.outputs, own.outputs),
        ):
            for public, name in renames.items():
                if find(there, name) is None:
                    has = names(tensor.name for tensor in there)
                    yield Problem(f"{path}.{kind}.{public}", f"the model has no {kind[:-1]} '{name}'; it has {has}")
        if signature.method != "Predict":
            yield from example_call_fits(path, signature, own)


def example_call_fits(path: str, signature: Signature, own: ModelSignature) -> Iterator[Problem]:
    """Features have rank 1 or 2, scores rank 2, and a regression's outputs one value a row."""
    renames = signature.inputs or {tensor.name: tensor.name for tensor in own.inputs}
    for feature, name in renames.items():
        tensor = find(own.inputs, name)
        if tensor is not None and len(tensor.shape) not in (1, 2):
            yield Problem(
                f"{path}.inputs.{feature}", f"a feature is [batch] or [batch, k], but the input is '{tensor}'"
            )
    for feature in signature.defaults.keys() - renames.keys():
        yield Problem(f"{path}.defaults.{feature}", f"no such feature; the signature has {names(renames)}")
    answer = "scores" if signature.method == "Classify" else "outputs"
    if answer not in signature.outputs and len(own.outputs) != 1:
        there = names(tensor.name for tensor in own.outputs)
        yield Problem(f"{path}.outputs.{answer}", f"missing: the model has several outputs ({there}); say which")
        return
    tensor = find(own.outputs, signature.outputs.get(answer, own.outputs[0].name))
    if tensor is None:
        return
    if signature.method == "Classify" and len(tensor.shape) != 2:
        yield Problem(f"{path}.outputs.scores", f"scores are [batch, classes], but the output is '{tensor}'")
    if signature.method == "Regress" and len(tensor.shape) != 1 and tensor.shape[1:] not in ((1,), (ANY,)):
        yield Problem(f"{path}.outputs.outputs", f"one value a row is needed, but the output is '{tensor}'")


def detection_fits(model: Inspected) -> Iterator[Problem]:
    """Outputs that `spec.io.detection` names are the model's."""
    detection, own = model.resource.spec.io.detection, model.newest
    if detection is None or not own.known:
        return
    named = {} if detection.outputs is None else detection.outputs.model_dump(exclude_none=True, by_alias=True)
    wanted = {f"outputs.{field}": name for field, name in named.items()}
    if detection.yolo is not None:
        wanted["yolo.output"] = detection.yolo.output
    for field, name in wanted.items():
        if find(own.outputs, name) is None:
            there = names(tensor.name for tensor in own.outputs)
            yield Problem(f"spec.io.detection.{field}", f"the model has no output '{name}'; it has {there}")
