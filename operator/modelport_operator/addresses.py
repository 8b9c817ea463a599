"""Where a resource's model answers: one base, and one address for each of its APIs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from modelport.api import PublishedModel, apis_of, model_name
from modelport_operator.config import Config
from modelport_operator.names import deployment_name

PATHS: Mapping[str, str] = {
    "tensorflow-serving": "/v1/models/{model}:predict",
    "nnc": "/v1/{type}/classifiers/{model}/inference",
    "prediction-one": "/v1/external/models/{model}/inference",
    "nexus": "/{model}/predict",
    "azureml": "/api/v1/service/{model}/score",
    "open-inference": "/v2/models/{model}/infer",
}
"""Where each API predicts, below the base."""


def base_url(model: PublishedModel, config: Config) -> str:
    """Return the address below which the model answers: from outside if it is routed, else inside the cluster."""
    access = model.spec.access
    route = access.ingress or access.gateway
    host = route_host(model, config)
    if route is None or not host:
        return f"http://{deployment_name(model.metadata.name)}.{model.metadata.namespace}.svc"
    scheme = "https" if access.ingress is not None and access.ingress.tls is not None else "http"
    return f"{scheme}://{host}{route_path(model).rstrip('/')}"


def route_host(model: PublishedModel, config: Config) -> str:
    """Return the host from outside; empty where there is none, or where the Gateway's listener decides."""
    ingress, gateway = model.spec.access.ingress, model.spec.access.gateway
    if ingress is not None:
        return ingress.host or config.shared_host
    return (gateway.host or "") if gateway is not None else ""


def route_path(model: PublishedModel) -> str:
    """Return the path that is taken off before an API's own: / on a host of one's own."""
    route = model.spec.access.ingress or model.spec.access.gateway
    if route is None:
        return "/"
    shared = f"/{model.metadata.namespace}/{model.metadata.name}"
    return route.path or ("/" if route.host else shared)


def endpoints(model: PublishedModel, config: Config) -> list[dict[str, str]]:
    """Return the address of each API, as `status.endpoints` has them."""
    base = base_url(model, config)
    named = {"model": quote(model_name(model), safe=""), "type": model.spec.execution.type.lower()}
    return [{"api": api, "url": base + PATHS[api].format(**named)} for api in apis_of(model.spec)]
