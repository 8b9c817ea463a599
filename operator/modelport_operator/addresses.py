"""Where a resource's model answers: one base, and one address for each of its APIs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from modelport.api import PublishedModel, apis_of, model_name
from modelport.api.route import Route, route_of
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


def find_route(model: PublishedModel, config: Config) -> Route | None:
    """Return the route with the shared host where an Ingress names none; None where there is no host to be had."""
    route = route_of(model)
    if route is None or route.host is not None or model.spec.access.gateway is not None:
        return route
    return route._replace(host=config.shared_host) if config.shared_host else None


def base_url(model: PublishedModel, config: Config, *, host_taken: bool = False) -> str:
    """Return the address below which the model answers: from outside if it is routed, else inside the cluster.

    A route whose host only a Gateway's listener knows cannot be told. `host_taken` as in `desired.base.Context`.
    """
    route = None if host_taken else find_route(model, config)
    if route is None or route.host is None:
        return f"http://{deployment_name(model.metadata.name)}.{model.metadata.namespace}.svc"
    ingress = model.spec.access.ingress
    scheme = "https" if ingress is not None and ingress.tls is not None else "http"
    return f"{scheme}://{route.host}{route.prefix}"


def endpoints(model: PublishedModel, base: str) -> list[dict[str, str]]:
    """Return the address of each API below `base`, as `status.endpoints` has them."""
    named = {"model": quote(model_name(model), safe=""), "type": model.spec.execution.type.lower()}
    return [{"api": api, "url": base + PATHS[api].format(**named)} for api in apis_of(model.spec)]
