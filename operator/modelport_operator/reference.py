"""`python -m modelport_operator.reference` prints `docs/reference/operator.md` from the tables of the code."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client import Counter

from modelport_operator.config import Config
from modelport_operator.metrics import METRICS, Metric
from modelport_operator.options import OPTIONS, Option, Options
from modelport_operator.process import LEASE_LOST
from modelport_operator.rbac import OWN_RIGHTS, RIGHTS, Right

PAGE: Final = """\
# The operator

```
python -m modelport_operator --runtime-image IMAGE --triton-image IMAGE
```

It finds the API server by `$KUBECONFIG` if that is set, else by the Pod's service account, else by `~/.kube/config`.
Logs are JSON, one line each. [The Helm chart](../guides/install.md) runs it in a cluster. This page is printed from the
code by `python -m modelport_operator.reference`, and a test keeps the two equal.

## Options

Every option is a flag, and a variable that is `MODELPORT_OPERATOR_` and its name: `--own-namespace` is
`MODELPORT_OPERATOR_OWN_NAMESPACE`. The flag wins; an empty variable is none. What is unknown or wrong ends the process
with status 2 and one sentence. What is on or off is `--name` or `--no-name`, and `true` or `false` in the variable.

{options}

In a Pod, take `own-namespace` from the field `metadata.namespace`.

## Several replicas

One works: the holder of the Lease `modelport-operator` in the operator's own namespace. The others wait, and are
ready. On SIGTERM the holder ends its work, gives the Lease up and exits with 0, and another one takes it at its next
try: all try every two fifteenths of `lease-seconds`, which is 2 seconds. A holder that is killed or cut off is followed
`lease-seconds` and such a try later.

A holder that cannot renew the Lease stops after two thirds of `lease-seconds`, by a clock that also runs while the
machine sleeps, and exits with {lost}. The clock is asked before each single call, so a process that was suspended
sends nothing when it goes on. A call that the API server has received and not yet handled by then is still carried
out; it says what the next holder says too, since both apply the same manifests.

`kopf run -A -m modelport_operator.kopf_main` works too, with the variables above (`-n NAME` for each of `namespaces` in
place of `-A`). It takes no Lease and has no port, and is meant for a desk.

## Health

| path | answer |
|---|---|
| `/healthz` | 200 while the process turns. Lost Leases and failed watches end it by themselves. |
| `/readyz` | 200 while it works or waits for the Lease, 503 while it reads the cluster at its start or ends. |
| `/metrics` | Prometheus' text format. |

## Metrics

{metrics}

Beside them are the `process_` metrics of prometheus_client, such as `process_resident_memory_bytes`.

## Kinds that may be absent

HTTPRoute, ScaledObject and ServiceMonitor are used where the cluster has them. One that comes or goes is noticed at the
next resync; the operator then reads everything anew. Without PublishedModel itself the operator waits, and says so.

## Rights

`operator/rbac/cluster.yaml` is for an operator that works on the whole cluster, `operator/rbac/namespaced.yaml` for one
that is told its `namespaces` (here `models`), and that can do nothing outside of them. For other names:

```
python -m modelport_operator.rbac --own-namespace modelport --namespaces vision,sound | kubectl apply -f -
```

In every namespace that is worked on:

{rights}

In the operator's own namespace:

{own_rights}

RBAC cannot tell our Secrets from others. Who minds runs the operator for some namespaces only.
"""


def build_page() -> str:
    """Return the page."""
    return PAGE.format(
        options=_table(("flag", "default", "meaning"), map(_option, OPTIONS)),
        metrics=_table(("metric", "type", "labels", "meaning"), map(_metric, METRICS)),
        rights=_table(("kind", "verbs", "what for"), map(_right, RIGHTS)),
        own_rights=_table(("kind", "verbs", "what for"), map(_right, OWN_RIGHTS)),
        lost=LEASE_LOST,
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines).replace("| --- |", "|---|").replace(" --- |", "---|")


def _option(option: Option) -> Sequence[str]:
    told = option.help[0].upper() + option.help[1:] + "."
    return f"`{option.flag}{' ' + option.metavar if option.metavar else ''}`", _default(option), told


def _default(option: Option) -> str:
    if option.required:
        return "needed"
    fields = {field.name: field.default for kind in (Config, Options) for field in dataclasses.fields(kind)}
    match fields[option.name]:
        case bool(value):
            return "on" if value else "off"
        case "" | ():
            return "none"
        case float(value):
            return f"`{value:g}`"
        case value:
            return f"`{value}`"


def _metric(metric: Metric) -> Sequence[str]:
    name = metric.name + ("_total" if metric.kind is Counter else "")
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"`{name}`", metric.kind.__name__.lower(), labels, metric.help


def _right(right: Right) -> Sequence[str]:
    named = f" `{'`, `'.join(right.names)}`" if right.names else ""
    group = f".{right.kind.group}" if right.kind.group else ""
    return f"`{right.resource}{group}`{named}", ", ".join(right.verbs), right.why[0].upper() + right.why[1:] + "."


if __name__ == "__main__":
    sys.stdout.write(build_page())
