"""Active learning with a real model: flagged pictures reach a folder and a bucket, and no sink troubles a request."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import time
from pathlib import Path

import boto3
import pytest
import requests
import yaml
from moto.server import ThreadedMotoServer

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG"
FLAG = [{"name": "ActiveLearning"}]


@pytest.fixture(scope="module")
def bucket():
    """S3 as moto plays it, with a bucket `pictures`: its client and its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
    )
    client.create_bucket(Bucket="pictures")
    yield client, address
    server.stop()


@pytest.fixture(scope="module")
def silent():
    """The address of a store that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture(scope="module")
def server(serving, examples, bucket, silent, tmp_path_factory):
    """The sample classifier three times: with a folder, with a bucket, and with a store that hangs."""
    folder = tmp_path_factory.mktemp("evaluation")
    secrets, manifests = folder / "secrets", folder / "manifests"
    for name, address in {"store": bucket[1], "silent": silent}.items():
        (secrets / name).mkdir(parents=True)
        values = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": address}
        for entry, value in {**values, "AWS_REGION": "us-east-1"}.items():
            (secrets / name / entry).write_text(value)
    shutil.copytree(examples / "models/shapes", manifests / "models/shapes")
    (manifests / "flagged").mkdir()
    sinks = {
        "to-folder": {"uri": "file:flagged"},
        "to-bucket": {"uri": "s3://pictures/flagged/", "secretRef": {"name": "store"}},
        "to-silence": {"uri": "s3://pictures/flagged/", "secretRef": {"name": "silent"}},
    }
    for name, sink in sinks.items():
        manifest = yaml.safe_load((examples / "5-shapes.yaml").read_text())
        manifest["metadata"]["name"] = name
        manifest["spec"]["evaluation"] = {"threshold": 0, "uploadGroups": ["night", "review"], "sink": sink}
        (manifests / f"{name}.yaml").write_text(yaml.safe_dump(manifest))
    with serving(manifests, "--secrets", secrets) as server:
        yield server


@pytest.fixture(scope="module")
def picture(examples):
    return (examples / "models/pictures/cross.png").read_bytes()


@pytest.fixture
def ask(server, picture):
    def ask(model, **headers):
        body = {"image_type": "base64", "data": base64.b64encode(picture).decode(), "routines": FLAG}
        headers |= {"Authorization": f"Bearer {server.keys[model]}"}
        reply = requests.post(f"{server.url}/{model}/predict", json=body, headers=headers, timeout=60)
        assert reply.status_code == 200, reply.text
        assert reply.json()["activeLearning"]["flagged"] is True
        return reply

    return ask


def sink_of(server, model):
    return server.readiness()["models"][model]["sink"]


def counted(server, name, model):
    lines = requests.get(f"{server.metrics_url}/metrics", timeout=10).text.splitlines()
    wanted = f"modelport_flagged_pictures_{name}"
    return sum(float(line.split()[-1]) for line in lines if line.startswith(wanted) and f'model="{model}"' in line)


def check_pair(record, content, reply, picture):
    """A stored record and picture are those of a reply."""
    assert content == picture
    assert record["answer"] == reply.json()
    assert record["requestId"] == reply.headers["X-Request-Id"]
    assert (record["version"], record["digest"]) == (reply.headers["X-Model-Version"], reply.headers["X-Model-Digest"])
    assert record["score"] == reply.json()["activeLearning"]["score"]


def test_a_folder_gets_the_picture_and_its_record_in_each_group(server, ask, picture):
    reply = ask("to-folder", **{"X-Request-Id": "of-the-folder"})
    folder = server.manifests / "flagged"
    server.eventually(lambda: len(list(folder.glob("*/*of-the-folder.json"))) == 2)
    for group in ("night", "review"):
        (record,) = (json.loads(path.read_text()) for path in (folder / group).glob("*of-the-folder.json"))
        check_pair(record, (folder / group / record["picture"]).read_bytes(), reply, picture)
        assert record["model"] == "to-folder"
    server.eventually(lambda: counted(server, "stored_total", "to-folder") >= 1)


def test_a_bucket_gets_them_too(server, ask, picture, bucket):
    client, _ = bucket
    reply = ask("to-bucket", **{"X-Request-Id": "of-the-bucket"})

    def records():
        found = client.list_objects_v2(Bucket="pictures", Prefix="flagged/").get("Contents", [])
        return [each["Key"] for each in found if each["Key"].endswith("of-the-bucket.json")]

    server.eventually(lambda: len(records()) == 2)
    for key in records():
        record = json.loads(client.get_object(Bucket="pictures", Key=key)["Body"].read())
        place = f"{key.rpartition('/')[0]}/{record['picture']}"
        check_pair(record, client.get_object(Bucket="pictures", Key=place)["Body"].read(), reply, picture)
    assert sink_of(server, "to-bucket") == {"ok": True}


def test_a_folder_that_vanishes_is_told_and_fails_no_request(server, ask):
    folder = server.manifests / "flagged"
    folder.rename(folder.with_name("gone"))
    try:
        ask("to-folder")
        server.eventually(lambda: not sink_of(server, "to-folder")["ok"])
        state = sink_of(server, "to-folder")
        assert state["reason"] == "missing"
        assert state["message"].startswith(folder.as_uri())
        assert server.readiness()["ready"] is True
        assert "sink" not in requests.get(f"{server.url}/readyz", timeout=10).json()["models"]["to-folder"]
        assert counted(server, 'failed_total{model="to-folder",namespace="default",reason="missing"', "to-folder") == 1
    finally:
        folder.with_name("gone").rename(folder)
    ask("to-folder")
    server.eventually(lambda: sink_of(server, "to-folder") == {"ok": True})


def test_a_store_that_hangs_slows_no_answer(server, ask):
    ask("to-folder")
    began = time.monotonic()
    for _ in range(20):
        ask("to-silence")
    assert time.monotonic() - began < 10, "twenty answers, while not one picture can be stored"
    assert counted(server, "waiting", "to-silence") == 20
    assert server.readiness()["ready"] is True


def test_a_sink_that_cannot_be_written_to_is_refused_at_the_start(run_modelport, examples, tmp_path):
    manifest = yaml.safe_load((examples / "5-shapes.yaml").read_text())
    manifest["spec"]["model"]["source"]["uri"] = (examples / "models/shapes").as_uri()
    manifest["spec"]["evaluation"] = {"sink": {"uri": "file:flagged"}}
    path = tmp_path / "shapes.yaml"
    path.write_text(yaml.safe_dump(manifest))
    for command in (("check", path), ("serve", path, "--port", 0, "--metrics-port", 0, "--state-dir", tmp_path / "s")):
        done = run_modelport(*command)
        assert done.returncode == 1
        wanted = f"shapes: spec.evaluation.sink: {Path(tmp_path / 'flagged').as_uri()} is no folder that exists"
        assert wanted in done.stdout + done.stderr


def test_what_waits_at_the_end_is_stored_and_a_hanging_store_holds_up_nobody(server, ask):
    ask("to-silence")
    ask("to-folder", **{"X-Request-Id": "the-last"})
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 20
    assert len(list((server.manifests / "flagged").glob("*/*the-last.json"))) == 2
    assert "flagged pictures were not stored in time" in server.err
    assert SECRET not in server.err + server.out
