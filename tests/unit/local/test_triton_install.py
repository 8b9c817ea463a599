"""What keeps Triton from being installed is said before anything is downloaded, and an installation is whole or not."""

import shutil
import sys
import threading
from pathlib import Path

import filelock
import pytest

from modelport.local import libpython, triton_install
from modelport.local.errors import ServeError
from modelport.local.triton_install import (
    MARKER,
    cache_folder,
    check_machine,
    environment_hash,
    explain_pip_failure,
    install_triton,
)


@pytest.fixture
def fits(monkeypatch):
    """A machine on which Triton can run; a test takes away what it is about."""
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("platform.libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(triton_install, "find_libpython", lambda: Path("/lib/libpython3.so"))
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    return monkeypatch


class TestMachine:
    def test_one_that_fits(self, fits):
        assert check_machine() == Path("/lib/libpython3.so")

    @pytest.mark.parametrize(
        ("place", "value", "sentence"),
        [
            pytest.param("platform.system", lambda: "Darwin", "and this is Darwin", id="a Mac"),
            pytest.param("platform.machine", lambda: "aarch64", "this is Linux aarch64", id="an ARM machine"),
            pytest.param("platform.libc_ver", lambda: ("glibc", "2.31"), "needs glibc 2.35", id="an old system"),
            pytest.param("platform.libc_ver", lambda: ("", ""), "another C library", id="musl"),
            pytest.param("shutil.which", lambda name: None, "apt-get install bash", id="no bash"),
            pytest.param(
                "modelport.local.triton_install.find_libpython",
                lambda: None,
                r"apt-get install libpython3\.\d+$",
                id="no shared library of Python",
            ),
            pytest.param(
                "modelport.local.triton_install.PYTHONS",
                frozenset({(3, 8)}),
                r"no Python backend for Python 3\.\d+; it has one for 3\.8",
                id="a Python without a stub",
            ),
        ],
    )
    def test_one_that_does_not(self, fits, place, value, sentence):
        fits.setattr(place, value)
        with pytest.raises(ServeError, match=sentence):
            check_machine()


class TestCache:
    @pytest.mark.parametrize(
        ("variable", "folder"),
        [("/var/x", "/var/x/modelport"), ("relative", "HOME/.cache/modelport"), ("", "HOME/.cache/modelport")],
    )
    def test_folder(self, monkeypatch, tmp_path, variable, folder):
        monkeypatch.setenv("XDG_CACHE_HOME", variable)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert str(cache_folder()) == folder.replace("HOME", str(tmp_path))

    def test_another_interpreter_has_another_environment(self, monkeypatch):
        before = environment_hash()
        monkeypatch.setattr(sys, "base_prefix", "/elsewhere")
        assert environment_hash() != before


class TestInstall:
    @pytest.fixture
    def root(self, tmp_path):
        return tmp_path / f"triton-{environment_hash()}"

    def test_a_whole_one_is_taken_in_silence(self, fits, root, tmp_path):
        root.mkdir()
        (root / MARKER).touch()
        lines = []
        assert install_triton(lines.append, tmp_path).root == root
        assert lines == []

    def test_a_half_one_is_begun_anew(self, fits, root, tmp_path):
        (root / "lib").mkdir(parents=True)
        made = []

        def install(folder, progress):
            made.append(folder)
            (folder / MARKER).touch()

        fits.setattr(triton_install, "_install", install)
        install_triton(print, tmp_path)
        assert made == [root]

    def test_two_at_once_install_it_once(self, fits, root, tmp_path):
        waiting = threading.Event()
        lock = filelock.FileLock(root.with_suffix(".lock"))
        with lock:
            second = threading.Thread(target=install_triton, args=(lambda line: waiting.set(), tmp_path))
            second.start()
            assert waiting.wait(10)
            root.mkdir()
            (root / MARKER).touch()
        second.join(10)
        assert not second.is_alive()

    def test_no_space_is_said_before_the_download(self, fits, tmp_path):
        fits.setattr(triton_install, "BYTES_NEEDED", 1 << 62)
        with pytest.raises(ServeError, match=r"installing Triton needs .* MiB in .* set XDG_CACHE_HOME"):
            install_triton(print, tmp_path)

    def test_a_cache_that_cannot_be_written_is_one_sentence(self, fits, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(ServeError, match=r"cannot be installed into .*: (Not a directory|File exists)"):
            install_triton(print, tmp_path / "file" / "cache")

    def test_no_pip_at_all(self, fits, tmp_path):
        fits.setattr(triton_install.util, "find_spec", lambda name: None)
        with pytest.raises(ServeError, match=r"apt-get install python3\.\d+-venv"):
            install_triton(lambda line: None, tmp_path)


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        pytest.param(
            "WARNING: Retrying\nERROR: Could not find a version\nERROR: No matching distribution found for numpy",
            "the package index could not be reached",
            id="no network",
        ),
        pytest.param("ERROR: [Errno 28] No space left on device", "no space is left on the disk", id="a full disk"),
        pytest.param(
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "not the one that was locked", id="another wheel"
        ),
        pytest.param("ERROR: something else", "something else", id="pip's own words"),
        pytest.param("", "pip said nothing", id="not a word"),
    ],
)
def test_pip_failure(output, cause):
    assert cause in explain_pip_failure(output)


def test_ldconfig_is_read():
    listing = (
        "300 libs found in cache `/etc/ld.so.cache'\n"
        "\tlibpython3.11.so.1.0 (libc6) => /lib32/libpython3.11.so.1.0\n"
        "\tlibpython3.11.so.1.0 (libc6,x86-64) => /lib/x86_64-linux-gnu/libpython3.11.so.1.0\n"
    )
    found = libpython.parse_ldconfig(listing, "libpython3.11.so.1.0")
    assert found == Path("/lib/x86_64-linux-gnu/libpython3.11.so.1.0")
    assert libpython.parse_ldconfig(listing, "libpython3.13.so.1.0") is None


def test_every_requirement_is_pinned_and_hashed():
    blocks = (Path(triton_install.__file__).parent / triton_install.REQUIREMENTS).read_text().split("\n\n")[-1]
    requirements = [line for line in blocks.splitlines() if line and line[0] not in "# "]
    assert requirements
    assert all("==" in line and line.endswith("\\") for line in requirements)
