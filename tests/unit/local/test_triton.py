"""Triton's command line, its load errors as sentences, its log, and the memory that it leaves behind."""

import logging
import os
import socket
from pathlib import Path

import pytest

from modelport.local.triton import (
    build_command,
    explain_load_error,
    forward_log_line,
    held_ports,
    remove_shared_memory,
    shm_prefix,
)
from modelport.local.triton_install import TritonInstallation

STACK = "\n\nAt:\n  /tmp/model.py(5): initialize\n;\n"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        pytest.param(
            f"load failed for model 'bad': version 1 is at UNAVAILABLE state: Internal: RuntimeError: no heart{STACK}",
            "RuntimeError: no heart",
            id="a Python model's own words, without its stack",
        ),
        pytest.param(
            "load failed for model 'm': version 3 is at UNAVAILABLE state: Invalid argument: unexpected\nplatform;\n",
            "unexpected platform",
            id="several lines become one",
        ),
        pytest.param(
            "failed to load 'none', failed to poll from model repository",
            "failed to load 'none', failed to poll from model repository",
            id="anything else stays",
        ),
    ],
)
def test_load_error(error, sentence):
    assert explain_load_error(error) == sentence


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        pytest.param(
            'I1122 14:09:23.749567 12616 server.cc:604] "a step"', logging.DEBUG, "a step", id="a step is for debugging"
        ),
        pytest.param(
            'E1122 14:09:23.749567 12616 pb_stub.cc:366] "it broke\\n\\nAt:\\n  x.py(1): f"',
            logging.ERROR,
            "it broke",
            id="an error, without its stack",
        ),
        pytest.param(
            'E1122 14:09:23.749567 12616 server.cc:241] "CudaDriverHelper has not been initialized."',
            logging.DEBUG,
            "CudaDriverHelper has not been initialized.",
            id="no GPU is no error",
        ),
        pytest.param("Signal (15) received.", logging.DEBUG, "Signal (15) received.", id="a line without form"),
    ],
)
def test_log_line(line, level, message, caplog):
    with caplog.at_level(logging.DEBUG, "triton"):
        forward_log_line(line)
    assert [(record.levelno, record.message) for record in caplog.records] == [(level, message)]


@pytest.mark.parametrize("line", ["+-----+", "| Model | Version |", "", "I1122 14:09:23.7 1 server.cc:604] "])
def test_tables_are_left_out(line, caplog):
    with caplog.at_level(logging.DEBUG, "triton"):
        forward_log_line(line)
    assert caplog.records == []


def test_ports_are_held_against_others_and_not_against_triton():
    with held_ports() as ports:
        assert len({ports.grpc, ports.http, ports.metrics}) == 3
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", ports.grpc))
        with socket.socket() as triton:
            triton.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            triton.bind(("127.0.0.1", ports.grpc))


def test_command_listens_on_loopback_only():
    with held_ports() as ports:
        argv = build_command(TritonInstallation(Path("/t"), Path("/lib")), Path("/r"), ports).argv
    addresses = {argument for argument in argv if "-address=" in argument}
    assert addresses == {f"--{kind}-address=127.0.0.1" for kind in ("http", "grpc", "metrics")}
    assert "--model-control-mode=explicit" in argv


def test_only_memory_that_is_nobodys_is_removed(tmp_path):
    dead = 2**22 + 1  # above the largest pid
    for name in (f"{shm_prefix(os.getpid())}a", f"{shm_prefix(dead)}b", f"{shm_prefix(os.getppid())}c", "other_1_d"):
        (tmp_path / name).write_text("")
    remove_shared_memory(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{shm_prefix(os.getppid())}c", "other_1_d"]
