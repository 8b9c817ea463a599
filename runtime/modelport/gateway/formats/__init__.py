"""The registry of wire formats: the only place that knows them all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from modelport.gateway.formats.azureml import AzureMl
from modelport.gateway.formats.base import Format
from modelport.gateway.formats.nexus import Nexus
from modelport.gateway.formats.nnc import Nnc
from modelport.gateway.formats.open_inference import OpenInference
from modelport.gateway.formats.prediction_one import PredictionOne
from modelport.gateway.formats.tensorflow_serving import TensorFlowServing


def registry(*formats: Format) -> Mapping[str, Format]:
    """Return the formats by name; two of one name are a bug and raise ValueError."""
    named: dict[str, Format] = {}
    for each in formats:
        if each.name in named:
            raise ValueError(f"two formats are named {each.name}")
        named[each.name] = each
    return MappingProxyType(named)


FORMATS = registry(
    TensorFlowServing(),
    OpenInference(),
    Nnc(),
    AzureMl(),
    Nexus(),
    PredictionOne(),
)
"""Every format, by its name in `spec.apis`. The first words the errors of addresses that are nobody's."""
