"""A Serverless model on a real server: one account for all workers, through edits, killed workers and a new start."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

MANIFEST = """\
apiVersion: modelport.io/v1alpha1
kind: PublishedModel
metadata: {name: half}
spec:
  model: {format: ONNX, source: {uri: "file:models/half_plus_two"}}
  execution: {type: Serverless, serverless: {requestQuota: QUOTA}}
  apis: [nnc, tensorflow-serving]
"""
ADDRESS = "/v1/serverless/classifiers/half/inference"
BODY = {"inputs": [{"name": "x", "type": "vector", "data": [1]}]}
KEY = "a-key-of-this-test"


@pytest.fixture
def folder(tmp_path: Path, examples: Path) -> Path:
    (tmp_path / "manifests").mkdir()
    shutil.copytree(examples / "models" / "half_plus_two", tmp_path / "manifests" / "models" / "half_plus_two")
    (tmp_path / "manifests" / "half.yaml").write_text(MANIFEST.replace("QUOTA", "6"))
    (tmp_path / "keys").write_text(f"half:default:{KEY}\n")
    return tmp_path


def ask(server, path=ADDRESS, body=BODY):
    return requests.post(f"{server.url}{path}", json=body, headers={"x-api-key": KEY}, timeout=60)


def counted(server):
    page = requests.get(f"{server.metrics_url}/metrics", timeout=10).text
    return 'modelport_serverless_requests{model="half",namespace="default"} 6.0' in page


def test_a_quota_holds_for_all_workers_and_over_restarts(start_server, folder):
    arguments = ("--keys", folder / "keys", "--state-dir", folder / "state", "--workers", 2)
    server = start_server(folder / "manifests", *arguments)

    assert ask(server, body={"inputs": []}).status_code == 400, "an error is free"
    assert ask(server, "/v1/models/half:predict", {"instances": [1]}).status_code == 200, "every API counts"
    with ThreadPoolExecutor(12) as callers:
        statuses = sorted(answer.status_code for answer in callers.map(lambda _: ask(server), range(12)))
    assert statuses == [200] * 5 + [429] * 7
    assert ask(server).json()["error"] == "Unavailable"
    assert counted(server)

    worker = server.descendants("--worker-index")[0]
    worker.kill()
    worker.wait(10)
    server.eventually(lambda: len(server.descendants("--worker-index")) == 2)
    assert [ask(server).status_code for _ in range(4)] == [429] * 4
    server.stop()

    server = start_server(folder / "manifests", *arguments)
    assert ask(server).status_code == 429
    assert counted(server)
    (server.manifests / "half.yaml").write_text(MANIFEST.replace("QUOTA", "7"))
    server.eventually(lambda: ask(server).status_code == 200)
    assert ask(server).status_code == 429
