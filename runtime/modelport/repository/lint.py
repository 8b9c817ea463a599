"""Everything that would keep a model from being served, found before Triton starts.

Each check is pure: it looks at a model that was read (`inspect.Inspected`) and yields the problems that it finds, each
with the field of the manifest to change.
"""

from __future__ import annotations

from modelport.repository.checks import meaning, running, tables, tensors
from modelport.repository.checks.problem import Check, Problem
from modelport.repository.errors import InvalidModel
from modelport.repository.inspect import Inspected

CHECKS: tuple[Check, ...] = (
    running.backend_is_there,
    running.device_fits,
    running.serverless_is_small,
    running.onnx_is_known,
    running.runner_takes_dtypes,
    running.runner_knows_parameters,
    tensors.labels_name_versions,
    tensors.versions_agree,
    tensors.tensors_are_declared,
    tensors.declared_tensors_exist,
    tensors.batch_dimension_is_free,
    tensors.batching_has_batches,
    meaning.inputs_exist,
    meaning.labels_fit,
    meaning.signatures_fit,
    meaning.detection_fits,
    tables.columns_fit,
)


class Unservable(InvalidModel):
    """A model that can be read and not be served, with every reason."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Take at least one problem."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def lint(model: Inspected) -> tuple[Problem, ...]:
    """Return every problem, in the order of the checks."""
    return tuple(problem for check in CHECKS for problem in check(model))
