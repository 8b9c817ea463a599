"""Whether Triton has to be started again: what `/livez/triton` answers, the liveness probe of its container.

Triton calls itself alive whatever becomes of its backends. A process of its Python backend that died, or a model that
hangs, is got rid of by a new Triton alone. One that loads, or is only slow, must be left in peace.
"""

from __future__ import annotations

from modelport.gateway.live_model import LiveModel, Version
from modelport.gateway.models import Models

LOST_SECONDS = 15.0
"""Unreachable for so long, Triton hangs; one that ended is started again by the kubelet without being asked."""
SLOW_SECONDS = 30.0
"""Added to a model's own time limit: a model that is silent for longer hangs, and is not merely busy."""


def find_ailment(models: Models, now: float) -> str | None:
    """Return why Triton has to be started again, None while it has not; `now` is in monotonic seconds."""
    if models.lost_at is not None and now - models.lost_at > LOST_SECONDS:
        return f"Triton has not answered for {now - models.lost_at:.0f} s"
    for model in models:
        for version in model.versions.values():
            if ailment := _ailment_of(model, version, now):
                return f"model {model.name}, version {version.state.version}: {ailment}"
    return None


def _ailment_of(model: LiveModel, version: Version, now: float) -> str | None:
    if not version.silent:
        return None
    if version.died:
        return "its process has died"
    silence = now - max(version.silent_since, version.answered)
    if silence > model.spec.limits.timeout_seconds + SLOW_SECONDS:
        return f"Triton calls it ready, and it has not answered for {silence:.0f} s"
    return None
