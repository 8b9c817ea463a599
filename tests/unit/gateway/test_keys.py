from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from multidict import CIMultiDict

from modelport.api import KeyDigest, KeyDigests, ServedModel, parse_manifest
from modelport.gateway.config import ServingConfig
from modelport.gateway.keys import ANONYMOUS, Cause, KeyRefused, Keyring, presented_key

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def served(name: str, *, anonymous: bool = False) -> ServedModel:
    model = {"format": "ONNX", "source": {"uri": "https://models.example.com/model.onnx"}}
    spec = {"model": model, "access": {"anonymous": anonymous}}
    manifest = {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": name},
        "spec": spec,
    }
    return ServedModel(resource=parse_manifest(manifest, where="test"))


def key(name: str, value: str, **times: datetime) -> KeyDigest:
    return KeyDigest(name=name, sha256=sha256(value.encode()).hexdigest(), **times)


def brings(value: str | None) -> dict[str, str]:
    """The headers of a request with a key."""
    return {} if value is None else {"x-api-key": value}


KEYRING = Keyring(
    ServingConfig(
        models={
            "half": served("half"),
            "other": served("other"),
            "bare": served("bare"),
            "open": served("open", anonymous=True),
        },
        keys={
            "half": KeyDigests(
                keys=(
                    key("default", "right"),
                    key("partner", "partner-key", expires=NOW + timedelta(seconds=1)),
                    key("trial", "expired-key", expires=NOW),
                    key("old", "revoked-key", revoked=NOW - timedelta(days=1), expires=NOW - timedelta(days=2)),
                    key("umlaut", "schlüssel"),
                )
            ),
            "other": KeyDigests(keys=(key("default", "others"),)),
            "open": KeyDigests(keys=(key("default", "opens-nothing-more"),)),
        },
    )
)


@pytest.mark.parametrize(
    ("model", "presented", "name"),
    [
        pytest.param("half", "right", "default", id="a right key gives its name"),
        pytest.param("half", "partner-key", "partner", id="one of several keys, not expired yet"),
        pytest.param("half", "schlüssel", "umlaut", id="a key is its UTF-8 bytes"),
        pytest.param("open", None, ANONYMOUS, id="an anonymous model needs none"),
        pytest.param("open", "opens-nothing-more", ANONYMOUS, id="an anonymous model ignores a right key"),
        pytest.param("open", "nonsense", ANONYMOUS, id="an anonymous model ignores a wrong key"),
    ],
)
def test_who_is_let_in(model: str, presented: str | None, name: str) -> None:
    assert KEYRING.authenticate(model, brings(presented), NOW) == name


def test_an_anonymous_model_ignores_two_different_keys_too() -> None:
    assert KEYRING.authenticate("open", {"x-api-key": "one", "authorization": "Bearer two"}, NOW) == ANONYMOUS


@pytest.mark.parametrize(
    ("model", "presented", "cause"),
    [
        pytest.param("half", None, Cause.MISSING, id="no key"),
        pytest.param("half", "wrong", Cause.UNKNOWN, id="an unknown key"),
        pytest.param("half", "others", Cause.UNKNOWN, id="the key of another model"),
        pytest.param("half", "", Cause.MISSING, id="an empty key is none"),
        pytest.param("half", "right\udc80", Cause.UNKNOWN, id="a key that is not UTF-8"),
        pytest.param("half", sha256(b"right").hexdigest(), Cause.UNKNOWN, id="the digest itself"),
        pytest.param("half", "expired-key", Cause.EXPIRED, id="an expired key, from the second on that it says"),
        pytest.param("half", "revoked-key", Cause.REVOKED, id="a revoked key, though expired too"),
        pytest.param("bare", "right", Cause.UNKNOWN, id="a model without keys is opened by none"),
        pytest.param("bare", None, Cause.MISSING, id="nor without one"),
        pytest.param("nowhere", "right", Cause.UNKNOWN, id="a model that is not there"),
    ],
)
def test_who_is_refused_and_why(model: str, presented: str | None, cause: Cause) -> None:
    with pytest.raises(KeyRefused) as caught:
        KEYRING.authenticate(model, brings(presented), NOW)
    assert caught.value.cause is cause
    assert caught.value.status == 401
    if presented:
        assert presented not in str(caught.value)


@pytest.mark.parametrize(
    ("presented", "models"),
    [
        pytest.param(None, {"open"}, id="nobody sees the anonymous ones"),
        pytest.param("right", {"open", "half"}, id="a key sees its own"),
        pytest.param("others", {"open", "other"}, id="and no other's"),
        pytest.param("expired-key", {"open"}, id="an expired key opens nothing"),
        pytest.param("revoked-key", {"open"}, id="nor does a revoked one"),
    ],
)
def test_what_a_key_opens(presented: str | None, models: set[str]) -> None:
    assert KEYRING.opens(brings(presented), NOW) == models


@pytest.mark.parametrize(
    ("headers", "presented"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"X-Api-Key": "k"}, "k", id="x-api-key, in any case"),
        pytest.param({"Authorization": "Bearer k"}, "k", id="bearer"),
        pytest.param({"Authorization": "bearer  k "}, "k", id="the scheme in any case, spaces around"),
        pytest.param({"Authorization": "Basic dTpw"}, None, id="another scheme is not ours"),
        pytest.param({"Authorization": "Bearer"}, None, id="a scheme without a key"),
        pytest.param({"X-Api-Key": ""}, None, id="an empty header"),
        pytest.param({"X-Api-Key": "k", "Authorization": "Bearer k"}, "k", id="the same key twice"),
        pytest.param({"X-Api-Key": "k", "Authorization": "Basic dTpw"}, "k", id="a key beside another scheme"),
    ],
)
def test_where_a_key_is_found(headers: dict[str, str], presented: str | None) -> None:
    assert presented_key(CIMultiDict(headers)) == presented


def test_two_different_keys_are_refused() -> None:
    with pytest.raises(KeyRefused) as caught:
        presented_key({"x-api-key": "one", "authorization": "Bearer two"})
    assert caught.value.cause is Cause.CONFLICTING


def test_a_keyring_tells_nobody_its_digests() -> None:
    assert sha256(b"right").hexdigest() not in repr(KEYRING)
