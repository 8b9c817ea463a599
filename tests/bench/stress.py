"""The Nexus document's stress test on the sample classifier: no request may fail, and memory may not grow.

    .venv/bin/python tests/bench/stress.py [--requests 20000]

JPEGs of 640 x 480 in base64, 50 at a time, by `modelport loadtest --api nexus`. The first requests warm the gateway up:
threads start, buffers reach their size. Its memory is read after them and at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pictures import draw
from plan import tell
from server import Server, serve

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "examples" / "5-shapes.yaml"
MODEL = "shapes"
SIZE = (640, 480)
CONCURRENCY = 50
WARM_UP_REQUESTS = 1000
GROWTH = 1.10
"""Most memory after the run, as a part of that before."""


def main() -> int:
    """Run it and say what came of it; 1 if a request failed or memory grew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000, help="after the warm-up (default: 20000)")
    requests = parser.parse_args().requests
    with tempfile.TemporaryDirectory(prefix="modelport-stress-") as folder, serve(MANIFEST, MODEL) as server:
        picture = Path(folder, "picture.jpg")
        picture.write_bytes(draw(SIZE))
        warm_up = load(server, picture, WARM_UP_REQUESTS)
        before = server.memory() or 0
        run = load(server, picture, requests)
        after = server.memory() or 0
    failed = warm_up["failed"] + run["failed"]
    print(
        f"{requests} requests, {failed} failed, {run['requestsPerSecond']:.0f}/s, "
        f"p50 {run['latencySeconds']['p50'] * 1e3:.0f} ms, p99 {run['latencySeconds']['p99'] * 1e3:.0f} ms; gateway "
        f"{before / 2**20:.0f} MiB before, {after / 2**20:.0f} MiB after ({after / before:.2f})"
    )
    return 1 if failed or after > GROWTH * before else 0


def load(server: Server, picture: Path, requests: int) -> dict[str, Any]:
    """Send so many requests and return loadtest's results."""
    result = picture.with_name("result.json")
    command = [sys.executable, "-m", "modelport", "loadtest", MODEL, "--url", server.gateway, "--api", "nexus"]
    command += ["--file", str(picture), "--requests", str(requests), "--concurrency", str(CONCURRENCY)]
    command += ["--json", str(result), "--allow-failures"]
    done = subprocess.run(
        command, env=os.environ | {"MODELPORT_KEY": server.key}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"modelport loadtest ended with {done.returncode}")
    tell(done.stdout)
    results: dict[str, Any] = json.loads(result.read_text())["results"]
    return results


if __name__ == "__main__":
    sys.exit(main())
