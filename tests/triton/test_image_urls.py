"""A served detector that fetches its pictures from a server of this machine, in the gateway's own process and loop."""

from __future__ import annotations

import base64
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import yaml


@pytest.fixture(scope="module")
def picture(examples):
    return base64.b64decode(json.loads((examples / "models/pictures/rectangles.json").read_text())["data"])


@pytest.fixture(scope="module")
def pictures(picture):
    """A server of pictures; its port, and the heads of what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            heads.append((self.path, dict(self.headers)))
            path = self.path.partition("?")[0]
            if path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/picture?moved")
            elif path == "/metadata":
                self.send_response(302)
                self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            elif path == "/endless":
                self.send_response(200)
            else:
                self.send_response(200 if path == "/picture" else 404)
                self.send_header("Content-Length", str(len(picture)))
            self.end_headers()
            try:
                while path == "/endless":
                    self.wfile.write(b"x" * 65536)
            except OSError:
                return
            self.wfile.write(picture)

        def log_message(self, *_):
            """Nothing is printed."""

    heads = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, heads
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def manifests(examples, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    shutil.copytree(examples / "models/rectangles", folder / "models/rectangles")
    manifest = yaml.safe_load((examples / "6-rectangles.yaml").read_text())
    manifest["spec"]["access"]["imageUrls"] = {"allow": [f"localhost:{pictures[0]}"]}
    manifest["spec"]["limits"] = {"bodyBytes": 1 << 20}
    (folder / "model.yaml").write_text(yaml.safe_dump(manifest))
    return folder


def asker(server):
    def ask(url):
        headers = {"Authorization": f"Bearer {server.keys['rectangles']}", "Cookie": "a=b"}
        body = {"image_type": "url", "data": url}
        reply = requests.post(f"{server.url}/rectangles/predict", json=body, headers=headers, timeout=60)
        return reply.status_code, reply.json()

    return ask


def test_pictures_are_fetched_from_an_allowed_host(serving, manifests, pictures):
    port, heads = pictures
    base = f"http://localhost:{port}"
    with serving(manifests, "--allow-loopback-images") as server:
        ask = asker(server)
        for path in ("/picture?X-Signature=%2Fa", "/moved"):
            status, answer = ask(base + path)
            assert (status, {each["tag"]["name"] for each in answer["predictions"]}) == (200, {"red", "green", "blue"})
        assert [path for path, _ in heads] == ["/picture?X-Signature=%2Fa", "/moved", "/picture?moved"]
        sent = json.dumps(heads).lower()
        assert server.keys["rectangles"].lower() not in sent
        assert "cookie" not in sent

        for url, says in {
            f"{base}/none?secret": "data: localhost: expected status 200, got 404",
            f"{base}/endless?secret": "data: localhost: a picture of more than 1048576 bytes (spec.limits.bodyBytes)",
            f"{base}/metadata?secret": "redirects to 169.254.169.254: hosts are named",
            f"http://127.0.0.1:{port}/picture?secret": "data: 127.0.0.1: hosts are named",
            "http://localhost:1/picture?secret": "data: localhost:1: the model allows no pictures from there",
        }.items():
            status, answer = ask(url)
            assert (status, answer["error"]) == (400, "BadRequest")
            assert says in answer["message"]
        assert "secret" not in server.err


def test_pictures_of_this_machine_are_not_fetched_by_default(serving, manifests, pictures):
    port, heads = pictures
    before = len(heads)
    with serving(manifests) as server:
        status, answer = asker(server)(f"http://localhost:{port}/picture")
    assert (status, answer["message"]) == (400, "data: localhost: the name leads to a loopback address")
    assert len(heads) == before
