"""`status.model`: which version and files serve, from what each Pod's fetch said when it ended. Pure."""

from __future__ import annotations

import json
from typing import Any

from modelport_operator.names import config_name
from modelport_operator.resources import Manifest
from modelport_operator.status.facts import Facts


def build_model_status(facts: Facts, digest: str) -> Manifest:
    """Return version, digest and labels of the newest files that were fetched for the settings of now.

    The first Pod's find stays, so that every later Pod with the same settings takes the same files.
    """
    known: Manifest = dict(facts.resource.get("status", {}).get("model", {}))
    labels = dict(facts.context.model.spec.model.versions.labels)
    if known.get("config") != digest or "digest" not in known:
        found = _found(facts, config_name(facts.context.name, digest))
        if found is not None:
            known = {"config": digest} | found
    known.pop("labels", None)
    return known | ({"labels": labels} if labels else {})


def _found(facts: Facts, config: str) -> Manifest | None:
    """Return what the oldest Pod of these settings has fetched."""
    for pod in reversed(facts.pods):
        if config not in _config_maps(pod):
            continue
        for status in pod.get("status", {}).get("initContainerStatuses", ()):
            ended = status.get("state", {}).get("terminated", {})
            if status["name"] == "fetch" and ended.get("exitCode") == 0:
                return _parse(ended.get("message", ""))
    return None


def _parse(message: str) -> Manifest | None:
    """Read fetch's last words: `{"version": "4", "digest": "sha256:…", "serving": ["3", "4"]}`."""
    try:
        told: Any = json.loads(message)
        version, digest = str(told["version"]), str(told["digest"])
        serving = [str(each) for each in told.get("serving", [])]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return {"version": version[:256], "digest": digest[:256]} | ({"serving": serving} if serving else {})


def _config_maps(pod: Manifest) -> set[str]:
    volumes = pod.get("spec", {}).get("volumes", ())
    return {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}
