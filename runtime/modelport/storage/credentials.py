"""What opens a source of models or a sink of pictures, and how none of it reaches a message.

Either gets its credentials as a mapping of environment-like names. In a cluster these are the keys of the Secret that
its `secretRef` names, on one machine the process environment or a folder of files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from modelport.storage.errors import Reason, StorageError

ENVIRONMENT_NAMES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "GOOGLE_APPLICATION_CREDENTIALS_JSON",
    "STORAGE_EMULATOR_HOST",
    "HF_TOKEN",
    "HF_ENDPOINT",
)
"""Taken from a process environment. USERNAME, PASSWORD and TOKEN (http, oci) are not: desktops set the first anyway."""

_PUBLIC_NAMES = frozenset(
    {"AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AWS_REGION", "STORAGE_EMULATOR_HOST", "HF_ENDPOINT", "USERNAME"}
)
"""Names whose values may stand in a message: an access key id is how its owner finds the key."""

_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)


def credentials_from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Pick what belongs to a source of models out of a process environment."""
    return {name: environ[name] for name in ENVIRONMENT_NAMES if environ.get(name)}


def credentials_from_folder(folder: Path) -> dict[str, str]:
    """Read a Secret laid out as files, one a key, as Kubernetes mounts it; a final line break is dropped."""
    return {
        file.name: file.read_text("utf-8").removesuffix("\n")
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.startswith(".")
    }


def read_credentials(secret: str | None, secrets: Path | None) -> dict[str, str]:
    """Return what opens a place: the Secret of that name in a folder of them, else what the environment has.

    Raises StorageError that says what is missing.
    """
    if secret is None:
        return credentials_from_environment(os.environ)
    if secrets is None:
        raise StorageError(Reason.UNUSABLE, f"needs the Secret {secret}: name the folder of secrets by --secrets DIR")
    try:
        return credentials_from_folder(secrets / secret)
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(Reason.UNUSABLE, f"needs the Secret {secret}: {secrets / secret} cannot be read") from error


def is_uri(text: str) -> bool:
    """Whether the text can be taken apart as a URI; brackets and ports are where it fails."""
    try:
        return urlsplit(text).port != 0
    except ValueError:
        return False


def redact(uri: str) -> str:
    """Leave out of a URI what may open something: user information, the query (signatures live there), the fragment."""
    if not is_uri(uri):
        return f"{uri.partition(':')[0]}:…"
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))


def scrub(text: str, credentials: Mapping[str, str]) -> str:
    """Make a library's text fit to be shown: URLs redacted, secret values replaced, on one line."""
    text = _URL.sub(lambda match: redact(match[0]), " ".join(text.split()))
    for name, value in credentials.items():
        if name not in _PUBLIC_NAMES and len(value) > 3:
            text = text.replace(value, "…")
    return text


def split_userinfo(uri: str) -> tuple[str, dict[str, str]]:
    """Separate `https://user:password@host/` into the bare URI and the credentials USERNAME and PASSWORD."""
    parts = urlsplit(uri)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return uri, {}
    username, _, password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=host)), {"USERNAME": unquote(username), "PASSWORD": unquote(password)}
