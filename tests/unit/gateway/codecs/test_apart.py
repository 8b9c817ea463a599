"""The process that decodes compressed DICOM frames, and its end by frames, time and the gateway."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom.data
import pytest

from modelport.gateway.codecs.apart import Apart, Undecodable

pytestmark = pytest.mark.filterwarnings("ignore")


def bundled(name: str) -> bytes:
    path = pydicom.data.get_testdata_file(name, download=False)
    assert isinstance(path, str), f"pydicom brings no {name}"
    return Path(path).read_bytes()


LOSSLESS = bundled("SC_rgb_jpeg_gdcm.dcm")
JPEG = bundled("SC_rgb_small_odd_jpeg.dcm")
DEADLY = JPEG.replace(b"\xff\xdb\0C", b"\x7f\xdb\0C", 1)
"""A marker of the JPEG frame is damaged, which ends gdcm 3.2.6 and the process around it."""


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    made = Apart()
    yield made
    made.close()


def test_gives_values_and_what_they_are(apart: Apart) -> None:
    values, photometric = apart.decode(LOSSLESS, 0)
    assert values.shape == (100, 100, 3)
    assert values.dtype == np.uint8
    assert photometric == "RGB"


def test_a_frame_that_ends_the_process_ends_no_other(apart: Apart) -> None:
    with pytest.raises(Undecodable):
        apart.decode(DEADLY, 0)
    assert apart.decode(JPEG, 0).values.shape == (3, 3, 3)


def test_a_file_that_is_none_is_refused(apart: Apart) -> None:
    with pytest.raises(Undecodable, match="missing DICOM File Meta Information header"):
        apart.decode(b"nothing", 0)


def test_a_process_that_ended_by_itself_is_started_again(apart: Apart) -> None:
    apart.decode(JPEG, 0)
    assert apart._child is not None
    process, _ = apart._child
    process.kill()
    process.wait()
    assert apart.decode(JPEG, 0).values.shape == (3, 3, 3)


def test_a_frame_that_takes_too_long_is_refused() -> None:
    hurried = Apart(seconds=0)
    with pytest.raises(Undecodable, match="did not survive"):
        hurried.decode(LOSSLESS, 0)
    hurried.close()


def test_the_process_leaves_with_the_gateway(tmp_path: Path) -> None:
    (tmp_path / "jpeg.dcm").write_bytes(JPEG)
    program = (
        "import pathlib, sys, time\n"
        "from modelport.gateway.codecs.apart import APART\n"
        "APART.decode(pathlib.Path(sys.argv[1]).read_bytes(), 0)\n"
        "print(APART._child[0].pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "jpeg.dcm")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as gateway:
        assert gateway.stdout is not None
        child = os.pidfd_open(int(gateway.stdout.readline()))
        gateway.send_signal(signal.SIGKILL)
    try:
        assert select.select([child], [], [], 10)[0], "the child is still there"
    finally:
        os.close(child)
