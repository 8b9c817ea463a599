"""The Ingress: the model's address from outside, at a host of its own or below a path on the shared one.

The gateway takes the prefix off, so nothing is rewritten here; and no path has a colon, which ingress-nginx refuses
since 1.12 (`/v1/models/NAME:predict` lies below the prefix).
"""

from __future__ import annotations

from collections.abc import Mapping

from modelport.api.access import Ingress
from modelport.api.limits import Limits
from modelport.api.route import Route
from modelport_operator.addresses import find_route
from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.desired.service import HTTP_PORT
from modelport_operator.names import deployment_name
from modelport_operator.resources import INGRESS, Manifest

ANSWER_SECONDS = 5
"""That the controller waits beyond the longest request: the gateway's own 504 says more than the controller's."""


def has_ingress(context: Context) -> bool:
    """For a resource that asks for an Ingress, where there is a host that no older one holds."""
    access = context.model.spec.access
    return access.ingress is not None and _route(context) is not None and not context.host_taken


def build_ingress(context: Context) -> Manifest:
    """Return the Ingress."""
    ingress, route = context.model.spec.access.ingress, _route(context)
    if ingress is None or route is None:
        raise ValueError("a resource without a host has no Ingress")
    annotations = {**_limits(context.model.spec.limits), **ingress.annotations}
    spec = {
        "ingressClassName": ingress.class_name or context.config.ingress_class or None,
        "tls": _build_tls(ingress, route),
        "rules": [{"host": route.host, "http": {"paths": [_build_path(context, route)]}}],
    }
    return build_object(
        INGRESS,
        build_metadata(context, deployment_name(context.name), "gateway", annotations),
        spec={name: value for name, value in spec.items() if value is not None},
    )


def _route(context: Context) -> Route | None:
    return find_route(context.model, context.config)


def _limits(limits: Limits) -> Mapping[str, str]:
    """Return the model's own limits for ingress-nginx, which has 1 MiB and 60 s; others ignore its annotations."""
    return {
        "nginx.ingress.kubernetes.io/proxy-body-size": str(limits.body_bytes),
        "nginx.ingress.kubernetes.io/proxy-read-timeout": str(limits.timeout_seconds + ANSWER_SECONDS),
    }


def _build_tls(ingress: Ingress, route: Route) -> list[Manifest] | None:
    if ingress.tls is None:
        return None
    secret = {"secretName": ingress.tls.secret_name} if ingress.tls.secret_name else {}
    return [{"hosts": [route.host], **secret}]


def _build_path(context: Context, route: Route) -> Manifest:
    service = {"name": deployment_name(context.name), "port": {"number": HTTP_PORT}}
    return {"path": route.prefix or "/", "pathType": "Prefix", "backend": {"service": service}}
