"""The two ConfigMaps: what rolls the Pods, under a name made of its content, and what running Pods read anew.

An old Pod that starts again in the middle of a rollout must find the settings that it was made for; so what rolls is
immutable, and a change of it is another ConfigMap.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from modelport.api import PublishedModel
from modelport.api.live import LiveSettings, split
from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.names import REFRESH, config_name, live_name
from modelport_operator.paths import LIVE_FILE, PINS_FILE, RESOURCE_FILE
from modelport_operator.resources import CONFIG_MAP, Manifest


def build_config(context: Context) -> Manifest:
    """Return the immutable ConfigMap with the fixed half of the resource, which the Pods' own fetch reads."""
    return build_object(
        CONFIG_MAP,
        build_metadata(context, config_name(context.name, config_digest(context.model)), "config"),
        immutable=True,
        data={RESOURCE_FILE: _dump(_fixed(context.model))},
    )


def build_live(context: Context) -> Manifest:
    """Return the ConfigMap that running Pods read anew, some seconds after it changes."""
    _, live = split(context.model)
    settings = LiveSettings(spec=_share(live, context.instances))
    return build_object(
        CONFIG_MAP,
        build_metadata(context, live_name(context.name), "config"),
        data={LIVE_FILE: _dump(settings.to_manifest()), PINS_FILE: _dump(dict(context.pins))},
    )


def config_digest(model: PublishedModel) -> str:
    """Return the digest of what rolls the Pods."""
    return hashlib.sha256(_dump(_fixed(model)).encode()).hexdigest()[:10]


def _fixed(model: PublishedModel) -> dict[str, Any]:
    fixed, _ = split(model)
    metadata: dict[str, Any] = {"name": model.metadata.name, "namespace": model.metadata.namespace}
    refresh = model.metadata.annotations.get(REFRESH)
    if refresh is not None:
        metadata["annotations"] = {REFRESH: refresh}
    return {
        "apiVersion": model.api_version,
        "kind": model.kind,
        "metadata": metadata,
        "spec": fixed,
    }


def _share(live: Mapping[str, Any], instances: int) -> dict[str, Any]:
    """Return the live half with each instance's part of the rate limit: instances do not know of each other."""
    access = live.get("access", {})
    limit = access.get("rateLimit")
    if not limit or instances == 1:
        return dict(live)
    part = {"requestsPerSecond": limit["requestsPerSecond"] / instances}
    if "burst" in limit:
        part["burst"] = max(1, round(limit["burst"] / instances))
    return {**live, "access": {**access, "rateLimit": part}}


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
