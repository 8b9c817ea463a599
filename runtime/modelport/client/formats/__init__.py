"""The wire formats of the gateway, as requests. One module each, and this table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.client.formats.azureml import AzureMl
from modelport.client.formats.base import Request
from modelport.client.formats.nexus import Nexus
from modelport.client.formats.nnc import Nnc
from modelport.client.formats.open_inference import OpenInference
from modelport.client.formats.prediction_one import PredictionOne
from modelport.client.formats.tensorflow_serving import TensorFlowServing

FORMATS: Mapping[str, type[Request[Any]]] = {
    each.api: each for each in (TensorFlowServing, OpenInference, Nnc, AzureMl, Nexus, PredictionOne)
}
"""By the name in `spec.apis`."""

__all__ = ["FORMATS", "AzureMl", "Nexus", "Nnc", "OpenInference", "PredictionOne", "TensorFlowServing"]
