"""The sinks of flagged pictures on this machine: better refused before the first picture than failing with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from modelport.api import PublishedModel
from modelport.gateway.evaluation import Sinks
from modelport.local.errors import ServeError
from modelport.storage.credentials import redact
from modelport.storage.errors import StorageError


def refuse_unusable_sinks(resources: Iterable[PublishedModel], secrets: Path | None) -> None:
    """Raise ServeError with a sentence for each sink that cannot be written to as things are."""
    if problems := [problem for resource in resources for problem in sink_problems(resource, secrets)]:
        raise ServeError("\n".join(problems))


def sink_problems(resource: PublishedModel, secrets: Path | None) -> list[str]:
    """Return why the model's flagged pictures could not be stored: no folder, no library, no Secret."""
    evaluation = resource.spec.evaluation
    if evaluation is None or evaluation.sink is None:
        return []
    try:
        Sinks(secrets, folders=True).check(evaluation.sink)
    except StorageError as error:
        return [f"{resource.metadata.name}: spec.evaluation.sink: {redact(evaluation.sink.uri)} {error}"]
    return []
