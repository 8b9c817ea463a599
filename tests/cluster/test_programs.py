"""The way to a control plane: built once, and one clear sentence when something is missing."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from control_plane.server import Server, ServerFailed

SCRIPT = Path(__file__).parents[2] / "scripts" / "control-plane"


def run_script(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT], env={**os.environ, **env}, capture_output=True, text=True, check=False)


def test_programs_of_ones_own_are_taken(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "own").symlink_to(programs)
    assert run_script(KUBEBUILDER_ASSETS=f"{tmp_path}/own").stdout == f"{tmp_path}/own\n"


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    done = run_script(KUBEBUILDER_ASSETS=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"modelport: no etcd in KUBEBUILDER_ASSETS ({tmp_path}), which must hold "
        "etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok\n"
    )


GO = """#!/bin/sh
[ "$1" = list ] && { echo v1.34.4; exit; }
while [ "$1" != -o ]; do shift; done
echo build >> "$LOG"
mkdir -p "$2"
case $PWD in */kwok) touch "$2/kwok" ;; *) touch "$2/server" ;; esac
"""


def test_two_runs_build_once_and_nothing_of_an_interrupted_one_remains(tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text(GO)
    go.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path), "KUBEBUILDER_ASSETS": ""}
    env["LOG"] = str(tmp_path / "log")
    folder = Path(run_script(**env).stdout.strip())
    folder.rename(f"{folder}.part")
    (tmp_path / "log").unlink()
    (Path(f"{folder}.part") / "half").touch()
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: run_script(**env), range(4)))
    assert {run.stdout for run in runs} == {f"{folder}\n"}
    assert {path.name for path in folder.iterdir()} == {"etcd", "kwok"}
    assert (tmp_path / "log").read_text() == "build\n" * 2, "one build of each module"


def test_a_server_that_ends_is_reported_with_its_log(tmp_path: Path) -> None:
    server = Server.start(Path("/bin/sh"), "-c", "echo no such flag; exit 3", log=tmp_path / "log")
    with pytest.raises(ServerFailed, match=r"^sh ended with status 3; it logged:\nno such flag\n$"):
        server.wait_until(lambda: False, seconds=20)
    server.stop()


def test_a_server_that_does_not_become_ready_is_reported(tmp_path: Path) -> None:
    server = Server.start(Path("/bin/sleep"), "60", log=tmp_path / "log")
    with pytest.raises(ServerFailed, match=r"^sleep was not ready within 0\.1 s"):
        server.wait_until(lambda: False, seconds=0.1)
    server.stop()
    assert server.process.returncode is not None
