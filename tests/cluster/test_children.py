"""What a change of each field does to the children, and whose children are touched at all."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from models import Models, Spec, eventually
from running_operator import RunningOperator

from modelport.api.keys import digest_of
from modelport_operator.names import LIVE
from modelport_operator.resources import CONFIG_MAP, DEPLOYMENT, INGRESS, PUBLISHED_MODEL, SECRET, SERVICE, Manifest
from modelport_operator.store import Key

CRD = Path(__file__).parents[2] / "crds" / "publishedmodels.yaml"


class Case(NamedTuple):
    """A change, made to a resource that runs."""

    change: Spec
    """Merged into the spec."""
    effect: str
    """What differs afterwards, in the words of `effects`."""
    before: Spec = {}  # noqa: RUF012  nobody changes it
    """The spec that is changed, beyond the smallest."""


def image_of(**change: Any) -> Spec:
    return {"inputs": [{"name": "image", "kind": "Image", "image": {"width": 8, "height": 8, **change}}]}


BOXES = {"outputs": {"boxes": "boxes", "scores": "scores", "classes": "classes", "masks": "masks"}}
FOUND = {"apis": ["nexus"], "io": {"task": "InstanceSegmentation", "detection": BOXES, "labels": ["cup"], **image_of()}}
YOLO = {
    "apis": ["nexus"],
    "io": {"task": "ObjectDetection", "detection": {"yolo": {"output": "o", "layout": "V8"}}, **image_of()},
}
CLASSIFIED = {"apis": ["nnc"], "io": {"task": "ImageClassification", **image_of()}}
TABLE = {"apis": ["prediction-one"], "io": {"task": "TabularRegression", "tabular": {"columns": ["a"], "target": "y"}}}
SPECIFIC = {"model": {"versions": {"policy": "Specific", "specific": [3, 4]}}}
GPU = {"execution": {"device": "GPU", "gpu": {"count": 1}}}
WINDOWS = [{"start": "00:00", "end": "24:00"}]
SCHEDULED = {"execution": {"schedule": {"timeZone": "Etc/UTC", "windows": WINDOWS}}}
SCALED = {"execution": {"autoscaling": {"minInstances": 1, "maxInstances": 2, "metric": "CPU", "target": 50}}}
SERVERLESS = {"execution": {"type": "Serverless"}}
ROUTED = {"access": {"ingress": {"host": "cups.example.com"}}}
STORE = {"uri": "s3://data/"}
RETRAINED = {**CLASSIFIED, "retraining": {"task": "ImageClassification", "storage": STORE, "image": "example.com/t:1"}}
EVALUATED = {**CLASSIFIED, "evaluation": {"sink": {"uri": "s3://sink/"}, "uploadGroups": ["night"]}}
RESOURCES = {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}}
TOLERATION = {"key": "a", "operator": "Exists"}
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
TERMS = [{"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]
AFFINITY = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": TERMS}}
ROLLS = "Pods config"


def pod(**change: Any) -> Spec:
    return {"execution": {"pod": change}}


CASES: Mapping[str, Case] = {
    "model.name": Case({"model": {"name": "other"}}, ROLLS),
    "model.format": Case({"model": {"format": "TorchScript"}}, ROLLS),
    "model.source": Case(
        {"model": {"source": {"uri": "s3://o/", "digest": f"sha256:{'0' * 64}", "secretRef": {"name": "s3"}}}}, ROLLS
    ),
    "model.versions.policy": Case({"model": {"versions": {"policy": "All"}}}, ROLLS),
    "model.versions.specific": Case({"model": {"versions": {"specific": [3, 4, 5]}}}, ROLLS, SPECIFIC),
    "model.versions.labels": Case({"model": {"versions": {"labels": {"stable": 3}}}}, "live", SPECIFIC),
    "model.versions.traffic": Case(
        {"model": {"versions": {"traffic": [{"version": 3, "percent": 100}]}}}, "live", SPECIFIC
    ),
    "model.config": Case(
        {
            "model": {
                "config": {
                    "maxBatchSize": 2,
                    "dynamicBatching": {"maxQueueDelayMicroseconds": 5, "preferredBatchSizes": [2]},
                    "parameters": {"a": "b"},
                    "pbtxt": "version_policy {}",
                }
            }
        },
        ROLLS,
    ),
    "model.config.joinRequests": Case({"model": {"config": {"joinRequests": False}}}, "live"),
    "model.config.instancesPerGpu": Case({"model": {"config": {"instancesPerGpu": 2}}}, ROLLS, GPU),
    "model.config.tritonImage": Case({"model": {"config": {"tritonImage": "example.com/own:1"}}}, ROLLS),
    "io.task": Case({"io": {"task": "ObjectDetection", "detection": {"outputs": {"masks": None}}}}, ROLLS, FOUND),
    "io.inputs": Case({"io": image_of(scale=0.5)}, ROLLS, CLASSIFIED),
    "io.labels": Case({"io": {"labels": ["cup", "bowl"]}}, "live", FOUND),
    "io.labelsFrom": Case({"io": {"labelsFrom": "labels.txt"}}, ROLLS),
    "io.signatures": Case({"io": {"signatures": [{"name": "serving_default", "method": "Predict"}]}}, "live"),
    "io.detection.outputs": Case(
        {"io": {"detection": {"outputs": {"boxes": "b", "scores": "s", "classes": "c", "count": "n", "masks": "m"}}}},
        ROLLS,
        FOUND,
    ),
    "io.detection, of boxes": Case(
        {"io": {"detection": {"boxFormat": "yxyx", "boxUnits": "Fractions", "classOffset": 1}}}, ROLLS, FOUND
    ),
    "io.detection, thresholds": Case(
        {"io": {"detection": {"scoreThreshold": 0.5, "maskThreshold": 0.7}}}, "live", FOUND
    ),
    "io.detection.iouThreshold": Case({"io": {"detection": {"iouThreshold": 0.6}}}, "live", YOLO),
    "io.detection.yolo": Case({"io": {"detection": {"yolo": {"output": "p", "layout": "V5"}}}}, ROLLS, YOLO),
    "io.tabular": Case({"io": {"tabular": {"columns": ["a", "b"], "target": "z"}}}, ROLLS, TABLE),
    "apis": Case({"apis": ["open-inference"]}, "live"),
    "execution.type": Case({"execution": {"type": "Serverless"}}, ROLLS),
    "execution.device": Case({"execution": {"device": "GPU"}}, f"{ROLLS} rollout"),
    "execution.gpu": Case(
        {"execution": {"gpu": {"count": 2, "product": "NVIDIA-A100-SXM4-80GB", "resourceName": "nvidia.com/gpu"}}},
        ROLLS,
        GPU,
    ),
    "execution.instances": Case({"execution": {"instances": 2}}, "instances live"),
    "execution.resources": Case({"execution": {"resources": RESOURCES}}, ROLLS),
    "execution.schedule": Case(
        {
            "execution": {
                "schedule": {
                    "timeZone": "Europe/Berlin",
                    "windows": [{"start": "00:00", "end": "24:00", "days": ["Mon"]}],
                    "exceptions": [{"date": "2040-01-01", "closed": True}],
                    "override": {"until": "2040-01-01T00:00:00Z", "state": "Running"},
                }
            }
        },
        "CronJob ConfigMap live",
        SCHEDULED,
    ),
    "execution.autoscaling": Case(
        {
            "execution": {
                "autoscaling": {
                    "minInstances": 1,
                    "maxInstances": 3,
                    "metric": "Concurrency",
                    "target": 4,
                    "engine": "HPA",
                }
            }
        },
        "HorizontalPodAutoscaler live",
        SCALED,
    ),
    "execution.serverless": Case(
        {"execution": {"serverless": {"idleSeconds": 60, "timeoutSeconds": 5, "requestQuota": 9}}}, ROLLS, SERVERLESS
    ),
    "execution.rollout": Case({"execution": {"rollout": {"strategy": "Replace"}}}, "rollout live"),
    "execution.pod, where it runs": Case(
        pod(
            nodeSelector={"kubernetes.io/arch": "amd64"},
            tolerations=[TOLERATION],
            affinity=AFFINITY,
            topologySpreadConstraints=[SPREAD],
            priorityClassName="system-node-critical",
            schedulerName="default-scheduler",
            serviceAccountName="default",
        ),
        ROLLS,
    ),
    "execution.pod, what it is": Case(
        pod(
            imagePullSecrets=[{"name": "registry"}],
            labels={"team": "vision"},
            annotations={"note": "yes"},
            env=[{"name": "A", "value": "b"}, {"name": "C", "value": ""}],
            sharedMemory="1Gi",
        ),
        ROLLS,
    ),
    "access.keys": Case({"access": {"keys": [{"name": "default"}, {"name": "partner"}]}}, "Secret live"),
    "access.anonymous": Case({"access": {"anonymous": True}}, "Pods Secret live"),
    "access.rateLimit": Case({"access": {"rateLimit": {"requestsPerSecond": 5, "burst": 9}}}, "live"),
    "access.ingress": Case(
        {
            "access": {
                "ingress": {
                    "host": "other.example.com",
                    "path": "/cups",
                    "className": "nginx",
                    "tls": {"secretName": "tls"},
                    "annotations": {"a": "b"},
                }
            }
        },
        "Ingress live",
        ROUTED,
    ),
    "access.gateway, which is not installed": Case(
        {"access": {"gateway": {"name": "g", "namespace": "n", "host": "g.example.com", "path": "/a"}}}, "live"
    ),
    "access, of browsers and pictures": Case(
        {
            "access": {
                "imageUrls": {"allow": ["images.example.com"], "allowCidrs": ["10.0.0.0/8"]},
                "cors": {"allowOrigins": ["https://example.com"]},
            }
        },
        "live",
    ),
    "limits": Case(
        {"limits": {"bodyBytes": 1024, "tensorElements": 9, "depth": 9, "pixels": 9, "queueLength": 9}}, "live"
    ),
    "limits.timeoutSeconds": Case({"limits": {"timeoutSeconds": 5}}, ROLLS),
    "evaluation.threshold": Case({"evaluation": {"threshold": 0.9}}, "live", EVALUATED),
    "evaluation": Case(
        {
            "evaluation": {
                "strategy": "Entropy",
                "uploadGroups": ["day"],
                "sink": {"uri": "s3://other/", "secretRef": {"name": "s3"}},
            }
        },
        ROLLS,
        EVALUATED,
    ),
    "retraining": Case(
        {
            "retraining": {
                "task": "ImageClassification",
                "storage": {"uri": "s3://other/", "secretRef": {"name": "s3"}},
                "image": "example.com/t:2",
                "resources": RESOURCES,
                "switch": "IfBetter",
            }
        },
        "live",
        RETRAINED,
    ),
    "versionTag": Case({"versionTag": "spring-2026"}, ROLLS),
}
UNTRIED = {"execution.pod.runtimeClassName", "access.grpc"}
"""A runtime class must exist before a Pod may name it; gRPC is refused as yet."""


def paths(spec: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the path of every value, and of the blocks that hold it."""
    for name, value in spec.items():
        yield f"{path}{name}"
        if isinstance(value, Mapping):
            yield from paths(value, f"{path}{name}.")


def fields(schema: Manifest, path: str = "") -> Iterator[str]:
    """Yield the path of every field that holds no others."""
    for name, each in schema["properties"].items():
        yield from fields(each, f"{path}{name}.") if "properties" in each else (f"{path}{name}",)


def test_a_change_of_every_field_is_tried() -> None:
    schema = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    tried = {path for case in CASES.values() for path in paths(case.change)}
    assert set(fields(schema["properties"]["spec"])) - tried == UNTRIED


def essence(obj: Manifest) -> Manifest:
    """Return what was decided of a child, in parts that have a name."""
    kind, name = obj["kind"], obj["metadata"]["name"]
    if kind == "Deployment":
        spec = obj["spec"]
        return {"Pods": spec["template"], "rollout": spec["strategy"], "instances": spec["replicas"]}
    if kind == "ConfigMap" and "-config-" in name:
        return {"config": name}
    if kind == "ConfigMap" and name.endswith("-live"):
        return {"live": obj["data"]["live.json"]}
    return {kind: {part: obj.get(part) for part in ("spec", "data", "rules", "subjects")}}


def effects(before: Mapping[str, Manifest], after: Mapping[str, Manifest]) -> str:
    """Say what differs: Pods (they roll), config, live, rollout, instances, or the kind of another child."""
    old = {(name, part): value for name, each in before.items() for part, value in essence(each).items()}
    new = {(name, part): value for name, each in after.items() for part, value in essence(each).items()}
    return " ".join(
        sorted({part for name, part in old.keys() | new.keys() if old.get((name, part)) != new.get((name, part))})
    )


def test_what_a_change_of_each_field_does(operator: RunningOperator, models: Models) -> None:
    names = {case: f"cups-{number}" for number, case in enumerate(CASES)}
    for case, name in names.items():
        models.publish(name, CASES[case].before)
    before = {}
    for case, name in names.items():
        models.settled(name)
        before[case] = models.children(name)
    for case, name in names.items():
        models.edit(name, CASES[case].change)
    found = {}
    for case, name in names.items():
        models.settled(name)
        after = eventually(lambda name=name: models.children(name), is_tidy)
        found[case] = effects(before[case], after)
    assert found == {case: " ".join(sorted(CASES[case].effect.split())) for case in CASES}


def is_tidy(children: Mapping[str, Manifest]) -> bool:
    """Tell whether the settings of before are gone."""
    return sum("-config-" in name for name in children) == 1


def test_an_object_of_somebody_else_is_left_alone_until_it_goes(operator: RunningOperator, models: Models) -> None:
    theirs = models.create(SERVICE, "cups", spec={"ports": [{"port": 1}], "selector": {"a": "b"}})
    models.publish()
    models.wait(Ready="True Serving", Applied="False NotOwned")
    assert models.message("Applied") == "Service cups: Service cups exists and was not made for this resource"
    assert models.there(SERVICE, "cups")["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]
    models.delete("cups", kind=SERVICE)
    operator.wake(Key(models.namespace, "cups"))
    models.wait(Applied="True Applied")
    assert models.there(SERVICE, "cups")["spec"]["ports"][0]["name"] == "http"


def test_a_deployment_of_somebody_else_is_never_scaled(operator: RunningOperator, models: Models) -> None:
    main = {"name": "main", "image": "example.com/theirs:1"}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [main]}}
    models.create(
        DEPLOYMENT, "cups", spec={"replicas": 3, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    )
    models.publish()
    status = models.wait(Ready="False NotOwned", Progressing="False NotOwned")
    assert status["state"] == "Failed"
    assert models.there(DEPLOYMENT, "cups")["spec"]["replicas"] == 3


def test_a_child_that_is_deleted_or_changed_is_put_right(operator: RunningOperator, models: Models) -> None:
    models.publish()
    models.settled()
    models.delete("cups", kind=SERVICE)
    models.edit("cups-live", kind=CONFIG_MAP, data={"live.json": "{}"})
    models.edit("cups-live", kind=CONFIG_MAP, metadata={"labels": {"app.kubernetes.io/managed-by": None}})
    assert models.there(SERVICE, "cups")
    operator.wake(Key(models.namespace, "cups"))
    eventually(lambda: models.there(CONFIG_MAP, "cups-live")["data"]["live.json"] != "{}")
    eventually(lambda: "ConfigMap cups-live" in models.children())


def after_its_second(obj: Manifest) -> None:
    """Wait until what is made now is younger than an object: the API server writes ages in whole seconds."""
    age = datetime.fromisoformat(obj["metadata"]["creationTimestamp"]) + timedelta(seconds=1)
    eventually(lambda: datetime.now(UTC) > age)


def test_the_eldest_holds_a_host_until_it_goes(operator: RunningOperator, models: Models) -> None:
    route: Spec = {"access": {"ingress": {"host": "one.example.com"}}}
    models.publish("elder", route)
    models.wait("elder", Routed="True Routed")
    after_its_second(models.there(PUBLISHED_MODEL, "elder"))
    models.publish("younger", route)
    models.wait("younger", Routed="False HostConflict", Ready="True Serving")
    assert models.read(INGRESS, "younger") is None
    assert "one.example.com" not in models.status("younger")["url"]
    models.edit("elder", {"access": {"ingress": {"host": "two.example.com"}}})
    models.wait("younger", Routed="True Routed")
    models.edit("elder", route)
    models.wait("younger", Routed="False HostConflict")
    models.delete("elder")
    models.wait("younger", Routed="True Routed")
    assert models.there(INGRESS, "younger")["spec"]["rules"][0]["host"] == "one.example.com"


def test_many_that_claim_one_host_in_one_second_leave_it_to_one(operator: RunningOperator, models: Models) -> None:
    names = [f"claimer-{number}" for number in range(6)]
    for name in names:
        models.publish(name, {"access": {"ingress": {"host": "one.example.com"}}})

    def settled() -> list[str]:
        told = {name: models.conditions(name).get("Routed") for name in names}
        return sorted(filter(None, told.values()))

    eventually(settled, lambda now: now == ["False HostConflict"] * 5 + ["True Routed"])
    eventually(lambda: [name for name in names if models.read(INGRESS, name)], lambda there: len(there) == 1)


def key(models: Models, name: str) -> str:
    return base64.b64decode(models.there(SECRET, "cups-keys")["data"][name]).decode()


def told(models: Models) -> dict[str, Manifest]:
    """Return what the gateways are told of each key, by its digest."""
    data = models.there(SECRET, "cups-key-digests")["data"]["digests.json"]
    return {each["sha256"]: each for each in json.loads(base64.b64decode(data))["keys"]}


def test_keys_are_made_kept_rotated_and_revoked(operator: RunningOperator, models: Models) -> None:
    models.publish(spec={"access": {"keys": [{"name": "a"}, {"name": "b"}]}})
    models.settled()
    first, other = key(models, "a"), key(models, "b")
    assert told(models).keys() == {digest_of(first), digest_of(other)}
    models.edit("cups-keys", kind=SECRET, data={"a": None})
    operator.resync()
    second = eventually(lambda: models.there(SECRET, "cups-keys")["data"].get("a") and key(models, "a"))
    assert second != first
    eventually(lambda: told(models).get(digest_of(second)))
    assert "revoked" in told(models)[digest_of(first)]
    assert key(models, "b") == other
    models.edit("cups", {"access": {"keys": [{"name": "a"}]}})
    eventually(lambda: "revoked" in told(models)[digest_of(other)])
    assert list(models.there(SECRET, "cups-keys")["data"]) == ["a"]
    eventually(lambda: [each["name"] for each in models.status()["keys"]] == ["a"])
    assert key(models, "a") == second


def test_a_resource_that_is_touched_looks_at_its_keys_at_once(operator: RunningOperator, models: Models) -> None:
    """Also where they were read a moment ago."""
    operator.controller.cluster.secret_seconds = 3600
    models.publish()
    models.settled()
    first = key(models, "default")
    models.edit("cups-keys", kind=SECRET, data={"default": None})
    models.edit("cups", metadata={"annotations": {"example.com/rotated": "now"}})
    eventually(lambda: models.there(SECRET, "cups-keys").get("data"))
    assert key(models, "default") != first


def test_a_key_of_the_users_own_is_awaited(operator: RunningOperator, models: Models) -> None:
    models.publish(spec={"access": {"keys": [{"name": "mine", "secretRef": {"name": "own", "key": "token"}}]}})
    models.wait(Ready="True Serving", KeysReady="False KeyMissing")
    assert models.message("KeysReady") == "key mine: Secret own does not exist"
    models.create(SECRET, "own", stringData={"token": "s3cret"})
    operator.resync()
    models.wait(KeysReady="True KeysReady")
    assert told(models).keys() == {digest_of("s3cret")}
    assert models.read(SECRET, "cups-keys") is None


def test_a_key_that_expires_is_told_with_its_end(operator: RunningOperator, models: Models) -> None:
    models.publish(spec={"access": {"keys": [{"name": "a", "expires": "2040-01-01T00:00:00Z"}]}})
    models.settled()
    assert [each["expires"] for each in told(models).values()] == ["2040-01-01T00:00:00Z"]
    assert models.status()["keys"][0]["expires"] == "2040-01-01T00:00:00Z"


def test_kubelets_are_made_to_look_at_new_keys_and_limits_at_once(operator: RunningOperator, models: Models) -> None:
    """A Pod's annotation that changes makes its kubelet look at what is mounted; else it takes up to a minute."""
    models.publish()
    models.settled()
    assert [LIVE in pod["metadata"].get("annotations", {}) for pod in models.pods()] == [False]

    models.edit("cups", {"access": {"rateLimit": {"requestsPerSecond": 5}}})
    (first,) = eventually(
        lambda: [pod["metadata"].get("annotations", {}).get(LIVE) for pod in models.pods()], lambda told: all(told)
    )
    models.edit("cups", {"access": {"keys": [{"name": "partner"}]}})

    eventually(lambda: [pod["metadata"]["annotations"][LIVE] for pod in models.pods()], lambda told: told != [first])


def test_an_anonymous_model_keeps_no_keys_that_nobody_has_told_of(operator: RunningOperator, models: Models) -> None:
    """An operator that was killed may have made keys of a model before the status told of them."""
    resource = models.publish(spec={"access": {"anonymous": True}})
    models.settled()
    owner = {"apiVersion": resource["apiVersion"], "kind": resource["kind"], "name": "cups", "controller": True}
    owner["uid"] = resource["metadata"]["uid"]
    models.create(SECRET, "cups-keys", metadata={"ownerReferences": [owner]}, stringData={"default": "k"})

    operator.resync()

    eventually(lambda: models.read(SECRET, "cups-keys") is None)
