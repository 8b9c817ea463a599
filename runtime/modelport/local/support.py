"""What `modelport serve` makes of each field of a PublishedModel: it serves it, notes it or refuses it.

Nothing is ignored in silence. A path ends at any depth and speaks for all below it; `[]` is any entry of a list. Each
field is in exactly one of the tables, which a test holds against the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from modelport.api import PublishedModel, apis_of
from modelport.gateway.evaluation.sinks import check_address
from modelport.storage.credentials import redact
from modelport.storage.errors import StorageError


class Limit(NamedTuple):
    """What becomes of a field here."""

    path: str
    """Below `spec`, in the manifest's own names."""
    sentence: str
    """What the reader is told, after the path."""
    served: frozenset[object] = frozenset()
    """Values to which it does not apply, besides the default."""


SERVED: Final = (
    "model.name",
    "model.format",
    "model.source",
    "model.versions",
    "model.config.maxBatchSize",
    "model.config.dynamicBatching",
    "model.config.joinRequests",
    "model.config.parameters",
    "model.config.pbtxt",
    "io.task",
    "io.inputs[].name",
    "io.inputs[].kind",
    "io.inputs[].image",
    "io.inputs[].audio",
    "io.labels",
    "io.labelsFrom",
    "io.signatures",
    "io.detection",
    "io.tabular",
    "apis",
    "execution.serverless.timeoutSeconds",
    "execution.serverless.requestQuota",
    "evaluation",
    "execution.schedule",
    "access.keys",
    "access.anonymous",
    "access.rateLimit",
    "access.cors",
    "access.imageUrls",
    "access.ingress.host",
    "access.ingress.path",
    "limits.bodyBytes",
    "limits.tensorElements",
    "limits.depth",
    "limits.pixels",
    "limits.timeoutSeconds",
    "limits.queueLength",
)
"""What the gateway, Triton or the repository act on."""

NOTED: Final = (
    Limit("model.config.instancesPerGpu", "counts on GPUs in a cluster; here the model runs once, on the CPU"),
    Limit("model.config.tritonImage", "names an image for a cluster; here Triton comes from PyPI"),
    Limit(
        "execution.type",
        "stops an idle model in a cluster; here it stays loaded",
        frozenset({"Dedicated"}),
    ),
    Limit("execution.serverless.idleSeconds", "counts in a cluster; here the model stays loaded"),
    Limit("execution.instances", "counts in a cluster; here the model runs once"),
    Limit("execution.resources", "are set in a cluster; here the model takes what the machine has"),
    Limit("execution.rollout", "rules Pods in a cluster; here a change is loaded beside what runs"),
    Limit("execution.pod", "describes Pods in a cluster; there are none here"),
    Limit("access.ingress.className", "belongs to a cluster's ingress; here the gateway itself listens"),
    Limit("access.ingress.tls", "belongs to a cluster's ingress; here the gateway speaks plain http"),
    Limit("access.ingress.annotations", "belong to a cluster's ingress; here the gateway itself listens"),
    Limit("versionTag", "rolls Pods in a cluster; here every change is applied anyway"),
)
"""What means something, or more, in a cluster only: said once, and the model is served."""

_LATER = "is not served by this release; leave it out"
REFUSED: Final = (
    Limit(
        "execution.device",
        "is not had by the Triton from PyPI, which computes on the CPU; set CPU, or name another Triton by --triton",
        frozenset({"CPU"}),
    ),
    Limit("execution.gpu", "is not had by the Triton from PyPI; leave it out, or name another Triton by --triton"),
    Limit("execution.autoscaling", "needs a cluster: one machine runs the model once; leave it out"),
    Limit("access.gateway", "is an address in a cluster; on one machine leave it out, or use access.ingress.host"),
    Limit("access.grpc", _LATER, frozenset({False})),
    Limit("retraining", _LATER),
)
"""What would change the answers or who gets them, and is not there: the model is not served without it."""

WITH_OWN_TRITON_ONLY: Final = frozenset({"execution.device", "execution.gpu"})
"""Refused for the sake of the Triton from PyPI; another one may have it."""

NOTED_WITH_OTHER_TRITON: Final = (
    Limit("model.versions.policy", "rules which versions are loaded, and the Triton named by --triton loads its own"),
    Limit("model.versions.specific", "rules which versions are loaded, and the Triton named by --triton loads its own"),
    Limit("model.source.digest", "is not checked: the Triton named by --triton has files of its own"),
    Limit("execution.schedule", "stops the answers only: the Triton named by --triton keeps the model"),
    *(
        Limit(f"model.config.{name}", "shapes what Triton loads, and the Triton named by --triton loads its own")
        for name in ("maxBatchSize", "dynamicBatching", "parameters", "pbtxt")
    ),
)
REFUSED_WITH_OTHER_TRITON: Final = (
    Limit("io.labelsFrom", "needs the model's files, and the Triton named by --triton has its own; use io.labels"),
)

PICTURES_ALONE: Final = frozenset({"azureml", "nexus"})
"""APIs whose requests hold a picture and nothing else."""


def refusals(resource: PublishedModel, *, own_triton: bool) -> list[str]:
    """Return a sentence for each field whose value cannot be served here."""
    if own_triton:
        limits: Iterable[Limit] = REFUSED
    else:
        limits = (*(each for each in REFUSED if each.path not in WITH_OWN_TRITON_ONLY), *REFUSED_WITH_OTHER_TRITON)
    return [*_told(resource, limits), *_refused_sink(resource)]


def notes(resource: PublishedModel, *, own_triton: bool) -> list[str]:
    """Return a sentence for each field that has no effect here."""
    found = list(_told(resource, NOTED if own_triton else (*NOTED, *NOTED_WITH_OTHER_TRITON)))
    unusable = [api for api in apis_of(resource.spec) if api in PICTURES_ALONE]
    if unusable and all(each.kind != "Image" for each in resource.spec.io.inputs):
        found.append(f"spec.io.inputs: none is of kind Image, so {' and '.join(unusable)} cannot be answered")
    with_sound = any(each.kind == "Audio" for each in resource.spec.io.inputs)
    if with_sound and resource.spec.execution.type == "Serverless" and "nnc" in apis_of(resource.spec):
        found.append("spec.io.inputs: one is of kind Audio, which nnc takes with type Dedicated alone")
    if resource.spec.evaluation is not None and "nexus" not in apis_of(resource.spec):
        found.append("spec.evaluation: pictures are judged for requests of nexus, and spec.apis leaves it out")
    return found


def _refused_sink(resource: PublishedModel) -> Iterator[str]:
    evaluation = resource.spec.evaluation
    if evaluation is None or evaluation.sink is None or evaluation.sink.uri.startswith("file:"):
        return  # a folder may be named from its manifest's own, and is looked at when that is known
    try:
        check_address(evaluation.sink.uri, folders=True)
    except StorageError as error:
        yield f"spec.evaluation.sink.uri: {redact(evaluation.sink.uri)} {error}"


def _told(resource: PublishedModel, limits: Iterable[Limit]) -> Iterator[str]:
    # What has its default says nothing, also where it is written out.
    spec = resource.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for limit in limits:
        for path, value in find(spec, limit.path.split(".")):
            for place, one in _each(path, value):
                if isinstance(one, dict | list) or one not in limit.served:
                    shown = "" if isinstance(one, dict | list) else f" {one}"
                    yield f"spec.{place}:{shown} {limit.sentence}"


def find(value: Any, parts: list[str], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each place in plain YAML values that `parts` leads to, with what stands there."""
    if not parts:
        yield path, value
        return
    name, *rest = parts
    if isinstance(value, dict) and name.removesuffix("[]") in value:
        inner, place = value[name.removesuffix("[]")], f"{path}.{name.removesuffix('[]')}".lstrip(".")
        if name.endswith("[]"):
            for index, entry in enumerate(inner):
                yield from find(entry, rest, f"{place}[{index}]")
        else:
            yield from find(inner, rest, place)


def _each(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Take a list of plain values apart, so that each is judged by itself."""
    if isinstance(value, list) and value and not isinstance(value[0], dict | list):
        yield from ((f"{path}[{index}]", one) for index, one in enumerate(value))
    else:
        yield path, value
