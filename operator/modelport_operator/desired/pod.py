"""The Pod: one instance of a model.

    fetch (init) ──► /models ──► triton (native sidecar) ◄── gRPC, loopback ── gateway ◄── the Service
            └──────► /serving/models ────────────────────────────────────────────┘

Triton listens on loopback alone, since it knows no keys. Kubernetes starts the containers in this order, each when the
one before is up, and ends them the other way round: the gateway finishes what it has, then Triton goes.
"""

from __future__ import annotations

from typing import Any

from modelport.api import model_name
from modelport.api.execution import Gpu
from modelport.api.names import GATEWAY_PORT, METRICS_PORT, TRITON_GRPC_PORT
from modelport.api.volumes import volume_of
from modelport_operator.desired.base import Context
from modelport_operator.desired.config_maps import config_digest
from modelport_operator.names import VERSION_TAG, config_name, key_digests_name, labels, live_name, selector
from modelport_operator.paths import (
    CONFIG,
    LIVE,
    LIVE_FILE,
    MODELS,
    MOUNTED_PINS_FILE,
    PINS_FILE,
    RESOURCE_FILE,
    SECRETS,
    SERVING,
    SHARED_MEMORY,
    TEMPORARY,
    TERMINATION_LOG,
    VOLUMES,
)
from modelport_operator.resources import Manifest

USER = 1000
"""Of every container; Triton's own image has a home for it."""
TRITON_HTTP_PORT = 8000
TRITON_METRICS_PORT = 8002
DRAIN_SECONDS = 5
"""Between the decision to end and the gateway's end: until then some node may still send requests."""
GRACE_SECONDS = 15
"""For what is left after the longest request."""
SHARED_MEMORY_SIZE = "256Mi"
"""Of /dev/shm by default: a megabyte for each copy of a model and what its tensors take, twice, since a Triton that is
killed leaves its part behind."""
GPU_TAINT = "nvidia.com/gpu"

FETCH_RESOURCES = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "2Gi"}}
GATEWAY_RESOURCES = {"requests": {"cpu": "100m", "memory": "192Mi"}, "limits": {"memory": "2Gi"}}
"""Requests are what an idle model takes; the limit of the gateway is some bodies of the largest allowed size."""

TRITON_IS_ALIVE = (
    f"exec 3<>/dev/tcp/127.0.0.1/{METRICS_PORT} || exit 0; "
    r"printf 'GET /livez/triton HTTP/1.0\r\n\r\n' >&3; "
    "read -rt 10 _ status _ <&3; "
    '[ "$status" != 503 ] || { cat <&3; exit 1; }'
)
"""Fails if the gateway says that Triton must start again. One that is not there yet, or is too busy, says nothing: on a
node without a free core Triton would be killed for it, and the next start would find the node no freer."""

RESTRICTED: Manifest = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
"""Of a container, as the restricted Pod security standard wants it."""
POD_SECURITY: Manifest = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Of a Pod, likewise."""


def build_pod_template(context: Context) -> Manifest:
    """Return the Deployment's `spec.template`."""
    pod = context.model.spec.execution.pod
    annotations = dict(pod.annotations)
    if context.model.spec.version_tag:
        annotations[VERSION_TAG] = context.model.spec.version_tag
    metadata: Manifest = {"labels": {**pod.labels, **labels(context.name, "instance")}}
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": _build_spec(context)}


def _build_spec(context: Context) -> Manifest:
    pod = context.model.spec.execution.pod
    spec: Manifest = {
        "initContainers": [_build_fetch(context), _build_triton(context)],
        "containers": [_build_gateway(context)],
        "volumes": _build_volumes(context),
        "securityContext": POD_SECURITY,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": DRAIN_SECONDS + context.model.spec.limits.timeout_seconds + GRACE_SECONDS,
        "tolerations": _build_tolerations(context),
        "nodeSelector": _build_node_selector(context),
        "topologySpreadConstraints": [
            {"labelSelector": {"matchLabels": dict(selector(context.name))}, **each}
            for each in pod.topology_spread_constraints
        ],
        "affinity": pod.affinity,
        "priorityClassName": pod.priority_class_name,
        "runtimeClassName": pod.runtime_class_name,
        "schedulerName": pod.scheduler_name,
        "serviceAccountName": pod.service_account_name,
        "imagePullSecrets": pull_secrets(context),
    }
    return {name: value for name, value in spec.items() if value not in (None, [], {})}


def pull_secrets(context: Context) -> list[Manifest]:
    """Return the Secrets for pulling images: the operator's own and the resource's."""
    own = (each.name for each in context.model.spec.execution.pod.image_pull_secrets)
    return [{"name": name} for name in dict.fromkeys((*context.config.image_pull_secrets, *own))]


def _build_fetch(context: Context) -> Manifest:
    return {
        "name": "fetch",
        "image": context.runtime_image,
        "imagePullPolicy": context.config.image_pull_policy,
        "command": ["modelport", "fetch"],
        "args": [
            f"--resource={CONFIG}/{RESOURCE_FILE}",
            f"--live={LIVE}/{context.name}.json",
            f"--pins={LIVE}/{MOUNTED_PINS_FILE}",
            f"--repository={MODELS}",
            f"--serving={SERVING}",
            f"--secrets={SECRETS}",
            f"--volumes={VOLUMES}",
            f"--termination-log={TERMINATION_LOG}",
            "--log-format=json",
        ],
        "env": [{"name": "HOME", "value": TEMPORARY}],
        "resources": FETCH_RESOURCES,
        "securityContext": RESTRICTED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            _mount("config", CONFIG, read_only=True),
            _mount("live", LIVE, read_only=True),
            _mount("models", MODELS),
            _mount("serving", SERVING),
            _mount("fetch-tmp", TEMPORARY),
            *_secret_mounts(context),
            *(_mount("source", f"{VOLUMES}/{claim}", read_only=True) for claim in _claims_of(context)),
        ],
    }


def _build_triton(context: Context) -> Manifest:
    # A resource may have a reason to set HOME itself.
    env = {"HOME": {"name": "HOME", "value": TEMPORARY}}
    env |= {each.name: each.to_manifest() for each in context.model.spec.execution.pod.env}
    return {
        "name": "triton",
        "image": context.triton_image,
        "imagePullPolicy": context.config.image_pull_policy,
        "restartPolicy": "Always",
        "command": ["tritonserver"],
        "args": [
            f"--model-repository={MODELS}",
            # By name, since fetch keeps its downloads in a folder beside the model's.
            "--model-control-mode=explicit",
            f"--load-model={model_name(context.model)}",
            # Triton stays up with a version that could not be loaded, for the gateway to say which and why.
            "--exit-on-error=false",
            "--strict-readiness=false",
            "--http-address=127.0.0.1",
            f"--http-port={TRITON_HTTP_PORT}",
            "--grpc-address=127.0.0.1",
            f"--grpc-port={TRITON_GRPC_PORT}",
            "--metrics-address=127.0.0.1",
            f"--metrics-port={TRITON_METRICS_PORT}",
        ],
        "env": list(env.values()),
        "resources": _triton_resources(context),
        "securityContext": RESTRICTED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        # Triton opens its port when the models are loaded, which may take long; bash is in each of its images.
        "startupProbe": {
            "exec": {"command": ["bash", "-c", f"</dev/tcp/127.0.0.1/{TRITON_GRPC_PORT}"]},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": 3600,
        },
        # Triton calls itself alive with a dead backend inside; the gateway asks the model.
        "livenessProbe": {
            "exec": {"command": ["bash", "-c", TRITON_IS_ALIVE]},
            "periodSeconds": 15,
            "timeoutSeconds": 15,
            "failureThreshold": 3,
        },
        "volumeMounts": [
            _mount("models", MODELS, read_only=True),
            _mount("shared-memory", SHARED_MEMORY),
            _mount("triton-tmp", TEMPORARY),
        ],
    }


def _build_gateway(context: Context) -> Manifest:
    return {
        "name": "gateway",
        "image": context.runtime_image,
        "imagePullPolicy": context.config.image_pull_policy,
        "command": ["python", "-m", "modelport.gateway"],
        "args": [
            f"--config={SERVING}",
            f"--triton=127.0.0.1:{TRITON_GRPC_PORT}",
            f"--triton-http=127.0.0.1:{TRITON_HTTP_PORT}",
            f"--triton-metrics=http://127.0.0.1:{TRITON_METRICS_PORT}/metrics",
            f"--secrets={SECRETS}",
            f"--drain-seconds={context.model.spec.limits.timeout_seconds}",
            f"--repository={MODELS}",
            "--log-format=json",
        ],
        "env": [{"name": "HOME", "value": TEMPORARY}],
        "ports": [
            {"name": "http", "containerPort": GATEWAY_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "resources": GATEWAY_RESOURCES,
        "securityContext": RESTRICTED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(DRAIN_SECONDS)]}}},
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": METRICS_PORT, "scheme": "HTTP"},
            "periodSeconds": 2,
            "timeoutSeconds": 5,
            "failureThreshold": 2,
        },
        # On a node without a free core Python takes half a minute to start, and must not be killed for it.
        "startupProbe": {
            "httpGet": {"path": "/healthz", "port": METRICS_PORT, "scheme": "HTTP"},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": 300,
        },
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": METRICS_PORT, "scheme": "HTTP"},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        "volumeMounts": [
            _mount("serving", SERVING, read_only=True),
            _mount("live", f"{SERVING}/live", read_only=True),
            *([_mount("keys", f"{SERVING}/keys", read_only=True)] if context.key_digests is not None else []),
            _mount("gateway-tmp", TEMPORARY),
            _mount("models", MODELS, read_only=True),
            *_secret_mounts(context),
        ],
    }


def _triton_resources(context: Context) -> Manifest:
    execution = context.model.spec.execution
    requests, limits = dict(execution.resources.requests), dict(execution.resources.limits)
    if execution.device == "GPU":
        gpu = execution.gpu or Gpu()
        limits[gpu.resource_name] = str(gpu.count)
    return {name: value for name, value in (("requests", requests), ("limits", limits)) if value}


def _build_tolerations(context: Context) -> list[Any]:
    execution = context.model.spec.execution
    ours = [{"key": GPU_TAINT, "operator": "Exists", "effect": "NoSchedule"}] if execution.device == "GPU" else []
    return [*ours, *(each.to_manifest() for each in execution.pod.tolerations)]


def _build_node_selector(context: Context) -> dict[str, str]:
    execution = context.model.spec.execution
    product = {"nvidia.com/gpu.product": execution.gpu.product} if execution.gpu and execution.gpu.product else {}
    return {**product, **execution.pod.node_selector}


def _build_volumes(context: Context) -> list[Manifest]:
    name = context.name
    shared = context.model.spec.execution.pod.shared_memory or SHARED_MEMORY_SIZE
    keys: list[Manifest] = (
        [{"name": "keys", "secret": {"secretName": key_digests_name(name), "items": [_as_json("digests.json", name)]}}]
        if context.key_digests is not None
        else []
    )
    return [
        {"name": "config", "configMap": {"name": config_name(name, config_digest(context.model))}},
        {
            "name": "live",
            "configMap": {
                "name": live_name(name),
                "items": [_as_json(LIVE_FILE, name), {"key": PINS_FILE, "path": MOUNTED_PINS_FILE}],
            },
        },
        *keys,
        *({"name": volume, "secret": {"secretName": secret}} for volume, secret in _secrets_of(context).items()),
        *(
            {"name": "source", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
            for claim in _claims_of(context)
        ),
        {"name": "models", "emptyDir": {}},
        {"name": "serving", "emptyDir": {}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": shared}},
        {"name": "fetch-tmp", "emptyDir": {}},
        {"name": "triton-tmp", "emptyDir": {}},
        {"name": "gateway-tmp", "emptyDir": {}},
    ]


def _as_json(key: str, name: str) -> Manifest:
    """Return the mount of an entry under the name by which the gateway looks for a model's file."""
    return {"key": key, "path": f"{name}.json"}


def _secrets_of(context: Context) -> dict[str, str]:
    """Return the Secrets that the resource names for addresses outside, its source's and its sink's, by volume.

    A volume cannot have the Secret's own name, which may be too long for it and have dots.
    """
    spec = context.model.spec
    sink = spec.evaluation.sink if spec.evaluation else None
    named = (spec.model.source.secret_ref, sink.secret_ref if sink else None)
    secrets = dict.fromkeys(each.name for each in named if each is not None)
    return {f"secret-{index}": secret for index, secret in enumerate(secrets)}


def _secret_mounts(context: Context) -> list[Manifest]:
    return [_mount(volume, f"{SECRETS}/{secret}", read_only=True) for volume, secret in _secrets_of(context).items()]


def _claims_of(context: Context) -> list[str]:
    """Return the PersistentVolumeClaim on whose volume the model lies, if it lies on one."""
    volume = volume_of(context.model.spec.model.source.uri)
    return [] if volume is None else [volume[0]]


def _mount(volume: str, path: str, *, read_only: bool = False) -> Manifest:
    return {"name": volume, "mountPath": path, **({"readOnly": True} if read_only else {})}
