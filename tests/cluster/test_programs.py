"""The way to a control plane, when something is missing: one clear sentence, at once."""

import os
import subprocess
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
