"""Credentials and causes: what a store is opened with, and what may be shown of it."""

from __future__ import annotations

import errno
import ssl
from pathlib import Path

import pytest

from modelport.storage.credentials import (
    credentials_from_environment,
    credentials_from_folder,
    redact,
    scrub,
    split_userinfo,
)
from modelport.storage.errors import root_cause


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("s3://models/tableware/", "s3://models/tableware/"),
        ("https://user:secret@host:8443/a", "https://host:8443/a"),
        ("https://host/a?X-Amz-Signature=secret", "https://host/a?…"),
        ("https://host/a#secret", "https://host/a"),
        ("oci://host/team/model@sha256:12", "oci://host/team/model@sha256:12"),
        ("hf://team/model@v1/x", "hf://team/model@v1/x"),
        ("/srv/models/x", "/srv/models/x"),
    ],
)
def test_redacting(uri: str, shown: str) -> None:
    assert redact(uri) == shown


def test_scrubbing_a_library_s_text() -> None:
    credentials = {"AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "hush!"}
    text = "key AKIAX with hush! failed at\nhttps://u:p@host/x?sig=hush! again"
    assert scrub(text, credentials) == "key AKIAX with … failed at https://host/x?… again"


def test_userinfo_is_taken_out_and_decoded() -> None:
    assert split_userinfo("https://u:p%40s@host/x") == ("https://host/x", {"USERNAME": "u", "PASSWORD": "p@s"})


def test_from_an_environment_only_what_belongs_to_sources() -> None:
    environ = {"AWS_REGION": "eu-west-1", "HF_TOKEN": "", "USERNAME": "desktop", "PATH": "/bin"}
    assert credentials_from_environment(environ) == {"AWS_REGION": "eu-west-1"}


def test_from_a_secret_as_kubernetes_mounts_it(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "TOKEN").write_text("t0ken\n")
    (tmp_path / "TOKEN").symlink_to("..data/TOKEN")
    assert credentials_from_folder(tmp_path) == {"TOKEN": "t0ken"}


def test_the_cause_of_an_error_is_what_the_system_said() -> None:
    distrusted = ssl.SSLCertVerificationError(1, "certificate verify failed")
    distrusted.verify_message = "self-signed certificate"
    wrapped = RuntimeError("five lines of a library")
    wrapped.__cause__ = distrusted
    assert root_cause(wrapped) == "self-signed certificate"
    assert root_cause(ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed")) == "Connection refused"
    assert root_cause(RuntimeError("no system below")) == ""
