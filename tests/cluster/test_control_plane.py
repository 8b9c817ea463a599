"""What the other tests of this tree build on: the control plane schedules, runs, refuses and collects as a real one."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client

Kubectl = Callable[..., str]
Object = dict[str, Any]


def pod(name: str = "a", *, container: Object | None = None, **spec: Any) -> Object:
    main = {"name": "main", "image": "example.com/model:1", **(container or {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [main], **spec}}


def with_gpus(name: str, count: int) -> Object:
    return pod(name, container={"resources": {"limits": {"nvidia.com/gpu": str(count)}}})


def test_no_other_api_server_is_talked_to(own_urls: set[str]) -> None:
    elsewhere = client.ApiClient(client.Configuration(host="https://127.0.0.1:6443"))
    with pytest.raises(RuntimeError, match="own API server alone"):
        client.CoreV1Api(elsewhere).list_namespace()


def test_the_server_says_its_version(kubectl: Kubectl) -> None:
    version = json.loads(kubectl("version", "-o", "json"))
    assert version["serverVersion"]["gitVersion"] == version["clientVersion"]["gitVersion"]
    assert version["serverVersion"]["gitVersion"].startswith("v1.34.")
    assert (version["serverVersion"]["major"], version["serverVersion"]["minor"]) == ("1", "34")


def test_a_pod_becomes_ready_on_the_pretended_node(api: client.ApiClient, kubectl: Kubectl, namespace: str) -> None:
    sidecar = {"name": "sidecar", "image": "example.com/sidecar:1", "restartPolicy": "Always"}
    first = {"name": "first", "image": "example.com/first:1"}
    core = client.CoreV1Api(api)
    core.create_namespaced_pod(namespace, pod(initContainers=[first, sidecar]))
    kubectl("wait", "--for=condition=Ready", "pod/a", "-n", namespace, "--timeout=20s")
    status = core.read_namespaced_pod("a", namespace).status
    assert status.pod_ip
    assert status.container_statuses[0].state.running
    assert status.init_container_statuses[0].state.terminated.reason == "Completed"
    assert status.init_container_statuses[1].state.running


def test_a_pod_that_is_left_to_the_test(api: client.ApiClient, kubectl: Kubectl, namespace: str) -> None:
    core = client.CoreV1Api(api)
    body = pod()
    body["metadata"]["annotations"] = {"test.modelport.io/by-hand": ""}
    core.create_namespaced_pod(namespace, body)
    kubectl("wait", "--for=condition=PodScheduled", "pod/a", "-n", namespace, "--timeout=20s")
    waiting = {"name": "main", "ready": False, "restartCount": 3, "image": "", "imageID": ""}
    waiting["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    core.patch_namespaced_pod_status("a", namespace, {"status": {"containerStatuses": [waiting]}})
    assert "CrashLoopBackOff" in kubectl("get", "pod", "a", "-n", namespace)


def test_gpus_that_no_node_has_keep_a_pod_waiting(api: client.ApiClient, kubectl: Kubectl, namespace: str) -> None:
    core = client.CoreV1Api(api)
    core.create_namespaced_pod(namespace, with_gpus("fits", 8))
    kubectl("wait", "--for=condition=Ready", "pod/fits", "-n", namespace, "--timeout=20s")
    core.create_namespaced_pod(namespace, with_gpus("more", 1))
    kubectl("wait", "--for=condition=PodScheduled=False", "pod/more", "-n", namespace, "--timeout=20s")
    status = core.read_namespaced_pod("more", namespace).status
    (scheduled,) = status.conditions
    assert (status.phase, scheduled.reason) == ("Pending", "Unschedulable")
    assert "Insufficient nvidia.com/gpu" in scheduled.message


def test_a_deployment_rolls_out_and_a_job_completes(api: client.ApiClient, kubectl: Kubectl, namespace: str) -> None:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": pod()["spec"]}
    deployment = {"replicas": 3, "selector": {"matchLabels": {"app": "a"}}, "template": template}
    client.AppsV1Api(api).create_namespaced_deployment(namespace, {"metadata": {"name": "a"}, "spec": deployment})
    job = {"template": {"spec": {**pod()["spec"], "restartPolicy": "Never"}}}
    client.BatchV1Api(api).create_namespaced_job(namespace, {"metadata": {"name": "a"}, "spec": job})
    kubectl("rollout", "status", "deployment/a", "-n", namespace, "--timeout=20s")
    kubectl("wait", "--for=condition=Complete", "job/a", "-n", namespace, "--timeout=20s")
    assert client.AppsV1Api(api).read_namespaced_deployment("a", namespace).status.ready_replicas == 3


def test_what_belongs_to_a_deleted_object_is_collected(
    api: client.ApiClient, kubectl: Kubectl, namespace: str, crd: str, smallest: Object
) -> None:
    objects = client.CustomObjectsApi(api)
    place = ("modelport.io", "v1alpha1", namespace, "publishedmodels")
    owner = objects.create_namespaced_custom_object(*place, smallest)
    reference = {key: owner["metadata"][key] for key in ("name", "uid")}
    reference |= {key: owner[key] for key in ("apiVersion", "kind")}
    child = {"metadata": {"name": "child", "ownerReferences": [reference]}}
    client.CoreV1Api(api).create_namespaced_config_map(namespace, child)
    objects.delete_namespaced_custom_object(*place, owner["metadata"]["name"])
    kubectl("wait", "--for=delete", "configmap/child", "-n", namespace, "--timeout=30s")
    with pytest.raises(client.ApiException, match="not found"):
        client.CoreV1Api(api).read_namespaced_config_map("child", namespace)
