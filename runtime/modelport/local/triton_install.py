"""Triton from PyPI, in an environment of its own that is made once.

The wheel `nvidia-pytriton` holds Triton's server and its Python backend; its own requirements (numpy below 2 …) would
clash with ours, so it is installed without them, beside what the backend needs, under the user's cache folder. The
environment is built where it stays, since scripts in it name its path; a marker, written last, says that it is whole.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources, util
from pathlib import Path
from typing import Final

import filelock

from modelport.local.errors import ServeError
from modelport.local.libpython import find_libpython, soname
from modelport.local.process import mortal

REQUIREMENTS: Final = "triton-requirements.txt"
MARKER: Final = "modelport-complete"
BYTES_NEEDED: Final = 1 << 30
"""Free space wanted before the download begins: the installed size is a third of it, and pip unpacks beside it."""
OLDEST_GLIBC: Final = (2, 35)
"""From the wheel's tag, manylinux_2_35_x86_64."""
PYTHONS: Final = frozenset({(3, 11), (3, 12)})
"""Versions for which the wheel has a stub, Modelport runs, and there is a numpy below 2, which the stub needs."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TritonInstallation:
    """Where a Triton from PyPI lies."""

    root: Path
    """The environment."""
    libpython_folder: Path
    """Where the shared library of the interpreter is found by the backend's stub."""

    @property
    def site_packages(self) -> Path:
        """The folder of the environment's packages."""
        return self.root / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    @property
    def server(self) -> Path:
        """The program."""
        return self.site_packages / "pytriton" / "tritonserver" / "bin" / "tritonserver"

    @property
    def backends(self) -> Path:
        """For `--backend-directory`."""
        return self.site_packages / "pytriton" / "tritonserver" / "backends"

    @property
    def environment(self) -> dict[str, str]:
        """The variables under which server and stub find their Python; the rest of ours goes to neither."""
        return {
            "PATH": os.pathsep.join((str(self.root / "bin"), os.environ.get("PATH", os.defpath))),
            "PYTHONPATH": str(self.site_packages),
            "LD_LIBRARY_PATH": str(self.libpython_folder),
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
        }


def install_triton(progress: Progress, cache: Path | None = None) -> TritonInstallation:
    """Return the installed Triton, installing it first where it is not.

    `progress` gets a line now and then, only while something is done. Raises ServeError if it cannot be had here.
    """
    libpython = check_machine()
    root = (cache or cache_folder()) / f"triton-{environment_hash()}"
    if not (root / MARKER).exists():
        _install_locked(root, progress)
    return TritonInstallation(root, libpython.parent)


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/modelport`, by default `~/.cache/modelport` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The specification wants relative paths ignored.
        return (Path(base) if base.startswith("/") else Path("~/.cache").expanduser()) / "modelport"
    except RuntimeError as error:  # a user without a home, as some containers have
        raise ServeError("there is no home folder for the cache: set XDG_CACHE_HOME to a folder") from error


def environment_hash() -> str:
    """Name the environment by what it is made from: the locked requirements and the interpreter."""
    made_from = (_requirements(), f"{sys.version_info.major}.{sys.version_info.minor}", sys.base_prefix)
    return hashlib.sha256("\0".join(made_from).encode()).hexdigest()[:16]


def check_machine() -> Path:
    """Return the interpreter's shared library; raise ServeError where Triton's wheel cannot run at all."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise ServeError(
            f"Triton from PyPI runs on Linux x86_64 only, and this is {platform.system()} {platform.machine()}; "
            "name a Triton elsewhere with --triton HOST:PORT"
        )
    libc, version = platform.libc_ver()
    if libc != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < OLDEST_GLIBC:
        raise ServeError(
            f"Triton from PyPI needs glibc 2.35 (Debian 12, Ubuntu 22.04) or newer, and this system has "
            f"{libc or 'another C library'} {version}".rstrip()
            + "; name a Triton elsewhere with --triton HOST:PORT"
        )
    python = sys.version_info[:2]
    if python not in PYTHONS:
        raise ServeError(
            f"Triton from PyPI has no Python backend for Python {python[0]}.{python[1]}; "
            f"it has one for {', '.join(f'{major}.{minor}' for major, minor in sorted(PYTHONS))}"
        )
    if shutil.which("bash") is None:
        raise ServeError("Triton starts its Python backend through bash, which is not installed: apt-get install bash")
    libpython = find_libpython()
    if libpython is None:
        raise ServeError(
            f"Triton's Python backend needs the shared library {soname()}, which is neither beside {sys.executable} "
            f"nor known to the linker: apt-get install libpython{python[0]}.{python[1]}"
        )
    return libpython


def _install_locked(root: Path, progress: Progress) -> None:
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(root.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            progress("waiting for another modelport that installs Triton")
            lock.acquire()
        try:
            if not (root / MARKER).exists():
                _install(root, progress)
        finally:
            lock.release()
    except OSError as error:
        raise ServeError(f"Triton cannot be installed into {root}: {error.strerror or error}") from error


def _install(root: Path, progress: Progress) -> None:
    free = shutil.disk_usage(root.parent).free
    if free < BYTES_NEEDED:
        raise ServeError(
            f"installing Triton needs {BYTES_NEEDED >> 20} MiB in {root.parent}, which has {free >> 20} MiB free; "
            "set XDG_CACHE_HOME to a folder with more"
        )
    progress(f"installing Triton, once, into {root}")
    shutil.rmtree(root, ignore_errors=True)  # what an interrupted installation left
    pip = _make_environment(root)
    _run_pip([*pip, "install", *_PIP_OPTIONS, "--requirement", str(_requirements_path())], progress)
    installation = TritonInstallation(root, root)
    stub = f"{sys.version_info.major}.{sys.version_info.minor}/triton_python_backend_stub"
    shutil.copy2(installation.server.parents[1] / "python_backend_stubs" / stub, installation.backends / "python")
    (root / MARKER).touch()
    progress("Triton is installed")


_PIP_OPTIONS = (
    *("--no-deps", "--require-hashes", "--only-binary=:all:"),
    *("--no-input", "--disable-pip-version-check", "--no-warn-script-location", "--progress-bar=off"),
)


def _make_environment(root: Path) -> list[str]:
    """Make a virtual environment and return the command that is its pip: ours, or else one put into it."""
    if util.find_spec("pip") is not None:
        venv.create(root, symlinks=True)
        return [sys.executable, "-m", "pip", "--python", str(root / "bin" / "python")]
    if util.find_spec("ensurepip") is None:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        raise ServeError(f"installing Triton needs pip, and this Python has none: apt-get install {package}")
    try:
        venv.create(root, symlinks=True, with_pip=True)
    except subprocess.CalledProcessError as error:
        raise ServeError(f"the environment {root} could not be made: ensurepip failed ({error})") from error
    return [str(root / "bin" / "python"), "-m", "pip"]


_PIP_FAILURES = (
    ("No space left on device", "no space is left on the disk"),
    ("DO NOT MATCH THE HASHES", "a downloaded package is not the one that was locked (its digest differs)"),
    ("CERTIFICATE_VERIFY_FAILED", "the package index's certificate is not trusted here (pip's --cert or PIP_CERT)"),
    ("No matching distribution", "the package index could not be reached, or lacks the package"),
    ("Max retries exceeded", "the package index could not be reached"),
    ("Read timed out", "the package index did not answer in time"),
    ("Connection", "the connection to the package index broke"),
)
"""What pip says, and what it means; the first that is found counts."""


def explain_pip_failure(output: str) -> str:
    """Return the cause of pip's failure as part of a sentence."""
    for sign, meaning in _PIP_FAILURES:
        if sign in output:
            return meaning
    errors = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    return errors[-1] if errors else (output.strip().splitlines() or ["pip said nothing"])[-1]


def _run_pip(command: list[str], progress: Progress) -> None:
    output: list[str] = []
    with subprocess.Popen(
        mortal(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        assert pip.stdout is not None  # noqa: S101 - by PIPE
        for line in map(str.strip, pip.stdout):
            output.append(line)
            if line.startswith(("Downloading ", "Using cached ", "Installing ")):
                progress(line)
    if pip.returncode != 0:
        raise ServeError(f"Triton could not be installed: {explain_pip_failure(chr(10).join(output))}")


def _requirements() -> str:
    return resources.files("modelport.local").joinpath(REQUIREMENTS).read_text()


def _requirements_path() -> Path:
    return Path(str(resources.files("modelport.local").joinpath(REQUIREMENTS)))
