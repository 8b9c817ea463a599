"""Whether versions, configuration and the model's own tensors go together."""

from __future__ import annotations

from collections.abc import Iterator

from modelport.repository.checks.problem import Problem, names
from modelport.repository.formats.base import ANY, Tensor
from modelport.repository.inspect import Inspected
from modelport.repository.triton_config import tensors_of


def labels_name_versions(model: Inspected) -> Iterator[Problem]:
    """Labels and traffic name versions that are served."""
    versions = model.resource.spec.model.versions
    named = [(f"labels.{label}", number) for label, number in versions.labels.items()]
    named += [(f"traffic[{index}].version", share.version) for index, share in enumerate(versions.traffic)]
    for path, number in named:
        if number not in model.versions:
            there = "is in the source but not served" if number in model.layout.versions else "is not in the source"
            yield Problem(
                f"spec.model.versions.{path}",
                f"version {number} {there}; policy {versions.policy} serves {names(model.versions)}",
            )


def versions_agree(model: Inspected) -> Iterator[Problem]:
    """Versions served side by side have the same tensors, since Triton has one configuration for all of them."""
    newest, first = max(model.versions), model.newest
    for number, signature in model.versions.items():
        for kind, ours, theirs in (
            ("input", first.inputs, signature.inputs),
            ("output", first.outputs, signature.outputs),
        ):
            if set(ours) != set(theirs):
                only = names(sorted(map(str, set(ours) ^ set(theirs))))
                yield Problem(
                    "spec.model.versions",
                    f"versions {number} and {newest} differ in their {kind}s ({only}); publish one of them by a"
                    " resource of its own",
                )


def tensors_are_declared(model: Inspected) -> Iterator[Problem]:
    """A model whose files do not tell its tensors has them declared."""
    if not model.newest.known and not model.newest.described:
        fmt = model.resource.spec.model.format
        auto = " or give the class a method auto_complete_config" if fmt == "Python" else ""
        yield Problem(
            "spec.model.config.pbtxt",
            f"the files of this {fmt} model do not tell its tensors; declare input and output here, or in a"
            f" config.pbtxt beside the model{auto}",
        )


def declared_tensors_exist(model: Inspected) -> Iterator[Problem]:
    """Inputs and outputs that a config.pbtxt declares are the model's."""
    inputs, outputs = tensors_of(model.config)
    own = model.newest
    if not own.known:
        return
    for kind, declared, there in (("input", inputs, own.inputs), ("output", outputs, own.outputs)):
        by_name = {tensor.name: tensor for tensor in there}
        for tensor in declared:
            mine = by_name.get(tensor.name)
            if mine is None:
                message = f"{kind} '{tensor.name}' is not in the model, which has {names(by_name)}"
                yield Problem("spec.model.config.pbtxt", message)
            elif mine.dtype != tensor.dtype or not compatible(mine.shape or (1,), tensor.shape):
                yield Problem("spec.model.config.pbtxt", f"{kind} {tensor} is {mine} in the model")


def compatible(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Tell whether two shapes may be the same; ANY fits any size."""
    return len(one) == len(other) and all(a == b or ANY in (a, b) for a, b in zip(one, other, strict=True))


def batch_dimension_is_free(model: Inspected) -> Iterator[Problem]:
    """Only models whose tensors all begin with a free dimension take batches."""
    own, size = model.newest, model.config.max_batch_size
    if size and own.known and not own.free_rows:
        fixed = next(tensor for tensor in (*own.inputs, *own.outputs) if tensor.shape[:1] != (ANY,))
        yield Problem(
            "spec.model.config.maxBatchSize",
            f"{size}, but '{fixed}' has no free first dimension; set it to 0, or export the model with a dynamic batch",
        )


def batching_has_batches(model: Inspected) -> Iterator[Problem]:
    """Dynamic batching needs a batch dimension, and no preferred size beyond it."""
    config, path = model.config, "spec.model.config.dynamicBatching"
    if not config.HasField("dynamic_batching"):
        return
    if not config.max_batch_size and (model.newest.known or model.newest.described is False):
        yield Problem(path, "the model takes no batches (max batch size 0); leave it out")
    for wanted in config.dynamic_batching.preferred_batch_size:
        if wanted > config.max_batch_size > 0:
            yield Problem(
                f"{path}.preferredBatchSizes", f"{wanted} is more than the max batch size, {config.max_batch_size}"
            )


def find(tensors: tuple[Tensor, ...], name: str) -> Tensor | None:
    """Return the tensor of that name, if there is one."""
    return next((tensor for tensor in tensors if tensor.name == name), None)
