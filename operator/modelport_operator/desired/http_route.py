"""The HTTPRoute: the model's address from outside, by a Gateway of the Gateway API."""

from __future__ import annotations

from modelport.api.route import route_of
from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.desired.service import HTTP_PORT
from modelport_operator.names import deployment_name
from modelport_operator.resources import HTTP_ROUTE, Manifest


def has_http_route(context: Context) -> bool:
    """For a resource that asks for a Gateway, where the kind exists and no older one holds the address."""
    return context.model.spec.access.gateway is not None and HTTP_ROUTE in context.optional and not context.host_taken


def build_http_route(context: Context) -> Manifest:
    """Return the HTTPRoute. The gateway takes the prefix off, so no filter does."""
    gateway, route = context.model.spec.access.gateway, route_of(context.model)
    if gateway is None or route is None:
        raise ValueError("a resource without a Gateway has no HTTPRoute")
    parent = {"name": gateway.name} | ({"namespace": gateway.namespace} if gateway.namespace else {})
    matches = [{"path": {"type": "PathPrefix", "value": route.prefix or "/"}}]
    backends = [{"name": deployment_name(context.name), "port": HTTP_PORT}]
    return build_object(
        HTTP_ROUTE,
        build_metadata(context, deployment_name(context.name), "gateway"),
        spec={
            "parentRefs": [parent],
            **({"hostnames": [route.host]} if route.host else {}),
            "rules": [{"matches": matches, "backendRefs": backends}],
        },
    )
