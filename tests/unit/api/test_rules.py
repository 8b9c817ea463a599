"""Every rule of the resource, once kept and once broken, by the very expressions that the API server evaluates."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from modelport.api import InvalidManifest, PublishedModel, parse_manifest
from modelport.api.frozen import Frozen, Rule
from modelport.api.problems import block_in

Change = dict[str, Any]


class Case(NamedTuple):
    """A change to the smallest manifest that keeps a rule, one that breaks it, and the path that is blamed."""

    kept: Change
    broken: Change
    path: str


def versions(**fields: Any) -> Change:
    return {"spec": {"model": {"versions": fields}}}


def io(**fields: Any) -> Change:
    return {"spec": {"io": fields}}


def image(**fields: Any) -> Change:
    return io(inputs=[{"name": "x", "kind": "Image", "image": fields}])


def signature(**fields: Any) -> Change:
    return io(signatures=[{"name": "s", **fields}])


def detection(**fields: Any) -> Change:
    return io(task="ObjectDetection", detection=fields)


def execution(**fields: Any) -> Change:
    return {"spec": {"execution": fields}}


def schedule(**fields: Any) -> Change:
    return execution(schedule={"windows": [WINDOW], **fields})


def scaled(**fields: Any) -> Change:
    return execution(autoscaling={"maxInstances": 3, "target": 4, **fields})


def scaled_with(**fields: Any) -> Change:
    return execution(autoscaling={"maxInstances": 3, "target": 4}, **fields)


def schedule_and(**autoscaling: Any) -> Change:
    return execution(schedule={"windows": [WINDOW]}, autoscaling={"maxInstances": 3, "target": 4, **autoscaling})


def pod(**fields: Any) -> Change:
    return execution(pod=fields)


def access(**fields: Any) -> Change:
    return {"spec": {"access": fields}}


WINDOW = {"start": "09:00", "end": "17:00"}
SHARES = [{"version": 1, "percent": 90}, {"version": 2, "percent": 10}]
OUTPUTS = {"boxes": "b", "scores": "s"}
YOLO = {"output": "o", "layout": "V8"}
STORAGE = {"uri": "s3://more/"}

CASES: dict[str, Case] = {
    "metadata.name has at most 40 characters: its children have longer names": Case(
        {"metadata": {"name": "a" * 40}}, {"metadata": {"name": "a" * 41}}, ""
    ),
    "metadata.name begins with a letter and holds lower-case letters, digits and hyphens: Services need it so": Case(
        {"metadata": {"name": "cups-2"}}, {"metadata": {"name": "2.cups"}}, ""
    ),
    "the model's name must not be a path of the gateway: v1, v2, api, metrics, healthz, readyz, openapi.json": Case(
        {"metadata": {"name": "v1"}, "spec": {"model": {"name": "v3"}}}, {"metadata": {"name": "v1"}}, "spec.model.name"
    ),
    "nexus needs io.task ImageClassification, ObjectDetection or InstanceSegmentation": Case(
        {"spec": {"apis": ["nexus"], "io": {"task": "ImageClassification"}}}, {"spec": {"apis": ["nexus"]}}, "spec.apis"
    ),
    "azureml needs io.task ImageClassification": Case(
        {"spec": {"apis": ["azureml"], "io": {"task": "ImageClassification"}}},
        {"spec": {"apis": ["azureml"], "io": {"task": "TabularRegression"}}},
        "spec.apis",
    ),
    "prediction-one needs io.task TabularClassification or TabularRegression": Case(
        {"spec": {"apis": ["prediction-one"], "io": {"task": "TabularRegression"}}},
        {"spec": {"apis": ["prediction-one"], "io": {"task": "Tensor"}}},
        "spec.apis",
    ),
    "instancesPerGpu needs execution.device GPU": Case(
        {"spec": {"model": {"config": {"instancesPerGpu": 2}}, "execution": {"device": "GPU"}}},
        {"spec": {"model": {"config": {"instancesPerGpu": 2}}}},
        "spec.model.config.instancesPerGpu",
    ),
    "evaluation needs io.task ImageClassification, ObjectDetection or InstanceSegmentation": Case(
        {"spec": {"evaluation": {}, "io": {"task": "ImageClassification"}}},
        {"spec": {"evaluation": {}}},
        "spec.evaluation",
    ),
    "must be the same as spec.io.task": Case(
        {
            "spec": {
                "retraining": {"task": "TabularRegression", "storage": STORAGE},
                "io": {"task": "TabularRegression"},
            }
        },
        {"spec": {"retraining": {"task": "TabularRegression", "storage": STORAGE}}},
        "spec.retraining.task",
    ),
    "policy Specific needs the version numbers to load": Case(
        versions(policy="Specific", specific=[1]), versions(policy="Specific"), "spec.model.versions.specific"
    ),
    "version numbers go with policy Specific alone": Case(
        versions(policy="All"), versions(policy="All", specific=[1]), "spec.model.versions.specific"
    ),
    "labels need policy All or Specific: Latest loads a single version, whose number changes": Case(
        versions(policy="All", labels={"stable": 1}), versions(labels={"stable": 1}), "spec.model.versions.labels"
    ),
    "traffic needs policy All or Specific: Latest loads a single version": Case(
        versions(policy="All", traffic=SHARES), versions(traffic=SHARES), "spec.model.versions.traffic"
    ),
    "every label must name a version that `specific` lists": Case(
        versions(policy="Specific", specific=[1, 2], labels={"stable": 1, "canary": 2}),
        versions(policy="Specific", specific=[1, 2], labels={"stable": 1, "canary": 3}),
        "spec.model.versions.labels",
    ),
    "every share must name a version that `specific` lists": Case(
        versions(policy="Specific", specific=[1, 2], traffic=SHARES),
        versions(policy="Specific", specific=[1, 3], traffic=SHARES),
        "spec.model.versions.traffic",
    ),
    "the percentages must add up to 100": Case(
        versions(policy="All", traffic=SHARES),
        versions(policy="All", traffic=SHARES[:1]),
        "spec.model.versions.traffic",
    ),
    "width and height go together": Case(image(width=8, height=8), image(width=8), "spec.io.inputs[0].image"),
    "mean needs one value, or one for each channel": Case(
        image(mean=[1, 2, 3]), image(color="Gray", mean=[1, 2, 3]), "spec.io.inputs[0].image.mean"
    ),
    "std needs one value, or one for each channel": Case(
        image(std=[2]), image(std=[2, 3]), "spec.io.inputs[0].image.std"
    ),
    "image goes with kind Image alone": Case(
        io(inputs=[{"name": "x", "kind": "Image", "image": {}}]),
        io(inputs=[{"name": "y"}, {"name": "x", "image": {}}]),
        "spec.io.inputs[1].image",
    ),
    "audio goes with kind Audio alone": Case(
        io(inputs=[{"name": "x", "kind": "Audio", "audio": {}}]),
        io(inputs=[{"name": "x", "kind": "Image", "audio": {}}]),
        "spec.io.inputs[0].audio",
    ),
    "the outputs of method Classify are `scores` and, if the model has them, `classes`": Case(
        signature(method="Classify", outputs={"scores": "p", "classes": "c"}),
        signature(method="Classify", outputs={"classes": "c"}),
        "spec.io.signatures[0].outputs",
    ),
    "the output of method Regress is `outputs`": Case(
        signature(method="Regress", outputs={"outputs": "y"}),
        signature(method="Regress", outputs={"outputs": "y", "more": "z"}),
        "spec.io.signatures[0].outputs",
    ),
    "defaults go with methods Classify and Regress, whose examples may leave features out": Case(
        signature(method="Regress", defaults={"x": 1}),
        signature(method="Predict", defaults={"x": 1}),
        "spec.io.signatures[0].defaults",
    ),
    "one of outputs and yolo is needed, and only one": Case(
        detection(outputs=OUTPUTS), detection(outputs=OUTPUTS, yolo=YOLO), "spec.io.detection"
    ),
    "boxFormat goes with outputs: the boxes of a raw YOLO head are always cxcywh": Case(
        detection(yolo=YOLO, boxFormat="cxcywh"), detection(yolo=YOLO, boxFormat="yxyx"), "spec.io.detection.boxFormat"
    ),
    "iouThreshold goes with yolo: the model's own outputs are final": Case(
        detection(yolo=YOLO, iouThreshold=0.5),
        detection(outputs=OUTPUTS, iouThreshold=0.5),
        "spec.io.detection.iouThreshold",
    ),
    "maskThreshold goes with outputs.masks": Case(
        detection(outputs={**OUTPUTS, "masks": "m"}, maskThreshold=0.5),
        detection(outputs=OUTPUTS, maskThreshold=0.5),
        "spec.io.detection.maskThreshold",
    ),
    "labels and labelsFrom exclude each other": Case(
        io(labels=[], labelsFrom="labels.txt"), io(labels=["cup"], labelsFrom="labels.txt"), "spec.io.labelsFrom"
    ),
    "detection goes with tasks ObjectDetection and InstanceSegmentation, which need it": Case(
        detection(yolo=YOLO), io(task="ObjectDetection"), "spec.io.detection"
    ),
    "task InstanceSegmentation needs detection.outputs.masks": Case(
        io(task="InstanceSegmentation", detection={"outputs": {**OUTPUTS, "masks": "m"}}),
        io(task="InstanceSegmentation", detection={"outputs": OUTPUTS}),
        "spec.io.detection",
    ),
    "tabular goes with tasks TabularClassification and TabularRegression alone": Case(
        io(task="TabularRegression", tabular={"columns": ["a"]}), io(tabular={"columns": ["a"]}), "spec.io.tabular"
    ),
    'start and end must differ; a whole day is "00:00" to "24:00"': Case(
        schedule(windows=[{"start": "00:00", "end": "24:00"}]),
        schedule(windows=[WINDOW, {"start": "09:00", "end": "09:00"}]),
        "spec.execution.schedule.windows[1]",
    ),
    "either `closed: true` or windows are needed, and only one of them": Case(
        schedule(exceptions=[{"date": "2026-12-31", "closed": True}, {"date": "2026-12-30", "windows": [WINDOW]}]),
        schedule(exceptions=[{"date": "2026-12-31", "closed": True, "windows": [WINDOW]}]),
        "spec.execution.schedule.exceptions[0]",
    ),
    "no such time zone; names are those of the IANA database, such as Europe/Berlin": Case(
        schedule(timeZone="America/Argentina/Buenos_Aires"),
        schedule(timeZone="Europe/Atlantis"),
        "spec.execution.schedule.timeZone",
    ),
    "must not be above maxInstances": Case(
        scaled(minInstances=3), scaled(minInstances=4), "spec.execution.autoscaling.minInstances"
    ),
    "the target of metrics GPU and CPU is a percentage, at most 100": Case(
        scaled(metric="CPU", target=100), scaled(metric="CPU", target=100.5), "spec.execution.autoscaling.target"
    ),
    "type Serverless runs on device CPU alone": Case(
        execution(type="Serverless", serverless={"idleSeconds": 60}),
        execution(type="Serverless", device="GPU", gpu={}),
        "spec.execution.device",
    ),
    "schedule does not go with type Serverless, which stops by itself when idle": Case(
        schedule(), execution(type="Serverless", schedule={"windows": [WINDOW]}), "spec.execution.schedule"
    ),
    "autoscaling does not go with type Serverless, which scales from and to zero by itself": Case(
        scaled(),
        scaled_with(type="Serverless"),
        "spec.execution.autoscaling",
    ),
    "serverless goes with type Serverless alone": Case(
        execution(type="Serverless", serverless={}), execution(serverless={}), "spec.execution.serverless"
    ),
    "gpu goes with device GPU alone": Case(
        execution(device="GPU", gpu={"count": 2}), execution(gpu={"count": 2}), "spec.execution.gpu"
    ),
    "metric GPU needs device GPU": Case(
        execution(device="GPU", autoscaling={"maxInstances": 3, "target": 70, "metric": "GPU"}),
        scaled(target=70, metric="GPU"),
        "spec.execution.autoscaling.metric",
    ),
    "engine KEDA does not go with a schedule: it starts at once what the schedule stops; take Auto or HPA": Case(
        schedule_and(engine="HPA"),
        schedule_and(engine="KEDA"),
        "spec.execution.autoscaling.engine",
    ),
    "value goes with operator Equal alone": Case(
        pod(tolerations=[{"key": "a", "value": "b"}]),
        pod(tolerations=[{"key": "a", "operator": "Exists", "value": "b"}]),
        "spec.execution.pod.tolerations[0].value",
    ),
    "operator Equal needs a key": Case(
        pod(tolerations=[{"operator": "Exists"}]),
        pod(tolerations=[{"value": "b"}]),
        "spec.execution.pod.tolerations[0].key",
    ),
    "tolerationSeconds goes with effect NoExecute alone": Case(
        pod(tolerations=[{"key": "a", "effect": "NoExecute", "tolerationSeconds": 9}]),
        pod(tolerations=[{"key": "a", "tolerationSeconds": 9}]),
        "spec.execution.pod.tolerations[0].tolerationSeconds",
    ),
    "one of value and valueFrom is needed, and only one": Case(
        pod(env=[{"name": "A", "value": ""}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]),
        pod(env=[{"name": "A"}]),
        "spec.execution.pod.env[0]",
    ),
    "expires does not go with secretRef: a key of your own ends when you take it out of its Secret": Case(
        access(keys=[{"name": "a", "secretRef": {"name": "own"}}, {"name": "b", "expires": "2027-01-01T00:00:00Z"}]),
        access(keys=[{"name": "a", "secretRef": {"name": "own"}, "expires": "2027-01-01T00:00:00Z"}]),
        "spec.access.keys[0].expires",
    ),
    "hosts are named, not given as addresses": Case(
        access(imageUrls={"allow": ["1.example.com:8443"]}),
        access(imageUrls={"allow": ["a.example.com", "10.0.0.1:80"]}),
        "spec.access.imageUrls.allow",
    ),
    "keys do not go with anonymous: a model that answers everybody ignores them": Case(
        access(anonymous=True), access(anonymous=True, keys=[{"name": "a"}]), "spec.access.keys"
    ),
    "ingress and gateway exclude each other": Case(
        access(ingress={}), access(ingress={}, gateway={"name": "public"}), "spec.access.gateway"
    ),
    "gRPC is not served yet; leave the field out": Case(access(grpc=False), access(grpc=True), "spec.access.grpc"),
    "uploadGroups needs a sink to store to": Case(
        {"spec": {"io": {"task": "ImageClassification"}, "evaluation": {"uploadGroups": ["night"], "sink": STORAGE}}},
        {"spec": {"io": {"task": "ImageClassification"}, "evaluation": {"uploadGroups": ["night"]}}},
        "spec.evaluation.uploadGroups",
    ),
}
"""By the rule's message."""

ABOUT_A_CHANGE = "instances cannot change while autoscaling is set; change autoscaling.minInstances and maxInstances"


def rules_of(block: type[Frozen]) -> Iterator[Rule]:
    yield from block.rules
    for field in block.model_fields.values():
        below = block_in(field.annotation)
        if below is not None:
            yield from rules_of(below)


def test_every_rule_has_a_case() -> None:
    assert {rule.message for rule in rules_of(PublishedModel)} == {*CASES, ABOUT_A_CHANGE}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_rule_is_kept(manifest: Callable[[Change], Change], case: Case) -> None:
    assert parse_manifest(manifest(case.kept), where="test").kind == "PublishedModel"


@pytest.mark.parametrize(("message", "case"), CASES.items(), ids=CASES)
def test_the_rule_is_broken(problems: Callable[[Change], tuple[str, ...]], message: str, case: Case) -> None:
    assert problems(case.broken) == (f"{case.path}: {message}" if case.path else message,)


def test_instances_stay_while_autoscaling_is_set(manifest: Callable[[Change], Change]) -> None:
    old = parse_manifest(manifest(scaled()), where="old")
    with pytest.raises(InvalidManifest) as caught:
        parse_manifest(manifest(scaled_with(instances=2)), where="new", old=old)
    assert caught.value.problems == (f"spec.execution.instances: {ABOUT_A_CHANGE}",)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (execution(instances=1), execution(instances=2)),
        (scaled(), execution(instances=2)),
        (execution(instances=1), scaled_with(instances=2)),
        (scaled(), scaled(maxInstances=5)),
    ],
    ids=["without autoscaling", "autoscaling taken away", "autoscaling added", "other bounds"],
)
def test_instances_may_change(manifest: Callable[[Change], Change], before: Change, after: Change) -> None:
    old = parse_manifest(manifest(before), where="old")
    assert parse_manifest(manifest(after), where="new", old=old).spec.execution.instances >= 1
