"""Whether the columns of a table, as `prediction-one` sends them, become the model's inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from modelport.api import apis_of
from modelport.repository.checks.problem import Problem, names
from modelport.repository.formats.base import ANY, Tensor
from modelport.repository.inspect import Inspected

PATH = "spec.io.tabular"


def columns_fit(model: Inspected) -> Iterator[Problem]:
    """Each input takes one column, or the model's only one takes those of `spec.io.tabular`."""
    spec, own = model.resource.spec, model.newest
    if not own.known or "prediction-one" not in apis_of(spec):
        return
    if spec.io.tabular is None:
        for tensor in own.inputs:
            if not takes(tensor, 1):
                yield Problem(PATH, f"missing, and the model's input '{tensor}' takes more than one column; name them")
    elif len(own.inputs) != 1:
        yield Problem(PATH, f"its columns make one input; the model has {names(each.name for each in own.inputs)}")
    elif not takes(own.inputs[0], len(spec.io.tabular.columns)):
        yield Problem(
            f"{PATH}.columns", f"{len(spec.io.tabular.columns)} columns, but the model's input is '{own.inputs[0]}'"
        )


def takes(tensor: Tensor, columns: int) -> bool:
    """Tell whether a row of so many columns may be the tensor's: [batch, columns], or [batch] for a single one."""
    row = tensor.shape[1:] if tensor.shape[:1] == (ANY,) and (len(tensor.shape) > 1 or columns == 1) else tensor.shape
    return len(tensor.shape) <= 2 and (ANY in row or math.prod(row) == columns)
