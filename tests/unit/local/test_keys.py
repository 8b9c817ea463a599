"""Keys: lines, generation, uniqueness, and the digests with their tombstones."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from modelport.api import KeyDigest, KeyDigests
from modelport.api.keys import declared_keys
from modelport.local.errors import ServeError, UsageError
from modelport.local.keys import (
    Key,
    build_digests,
    format_keys,
    generate_keys,
    parse_keys,
    refuse_doubled,
    secret_keys,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def sha256(value):
    return hashlib.sha256(value.encode()).hexdigest()


class TestParse:
    def test_lines(self):
        text = "# comment\n\nhalf:default:abc\n  half:partner:x:y:z  \n"
        assert [(k.model, k.name, k.value) for k in parse_keys(text, "keys")] == [
            ("half", "default", "abc"),
            ("half", "partner", "x:y:z"),
        ]

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            pytest.param("half:default", "line 1: expected MODEL:NAME:KEY", id="two parts"),
            pytest.param("a:b:secret\nhalf::secret2", "line 2: expected MODEL:NAME:KEY", id="an empty name"),
            pytest.param("a:b:se cret", "line 1: a key is printable ASCII", id="a space in the key"),
            pytest.param("a:b:sécret", "line 1: a key is printable ASCII", id="beyond ASCII"),
            pytest.param("a:b:secret\nc:d:secret", "line 2: the key is that of line 1", id="one key for two"),
            pytest.param("a:b:secret\na:b:secret2", "line 2: the name is that of line 1", id="one name for two"),
        ],
    )
    def test_refused_without_showing_the_key(self, text, sentence):
        with pytest.raises(UsageError, match=sentence) as caught:
            parse_keys(text, "keys.txt")
        assert "cret" not in str(caught.value)

    def test_written_lines_are_read_back(self):
        keys = [Key("half", "default", "a"), Key("echo", "p", "b:c")]
        assert parse_keys(format_keys(keys), "keys") == keys

    def test_a_key_never_shows_its_value(self):
        assert "secret" not in repr(Key("half", "default", "secret"))


class TestDeclared:
    @pytest.mark.parametrize(
        ("access", "names"),
        [
            pytest.param({}, ["default"], id="none named: one default"),
            pytest.param({"anonymous": True}, [], id="anonymous: none"),
            pytest.param({"keys": [{"name": "a"}, {"name": "b"}]}, ["a", "b"], id="those that are named"),
        ],
    )
    def test_names(self, make_resource, access, names):
        assert [key.name for key in declared_keys(make_resource(access=access))] == names


class TestGenerate:
    def test_a_missing_key_is_made_and_a_known_one_kept(self, make_resource):
        resource = make_resource(access={"keys": [{"name": "a"}, {"name": "b"}]})
        keys = generate_keys([resource], [Key("half", "a", "known")])
        assert keys[0] == Key("half", "a", "known")
        assert keys[1].name == "b"
        assert keys[1].value.startswith("mp_")
        assert len(keys[1].value) >= 32

    def test_a_key_no_longer_declared_goes_and_other_models_keys_stay(self, make_resource):
        known = [Key("half", "default", "1"), Key("half", "old", "2"), Key("elsewhere", "x", "3")]
        assert generate_keys([make_resource()], known) == [known[0], known[2]]

    def test_a_key_from_a_secret_is_not_made(self, make_resource):
        resource = make_resource(access={"keys": [{"name": "a", "secretRef": {"name": "s"}}]})
        assert generate_keys([resource], []) == []


class TestSecrets:
    @pytest.fixture
    def resource(self, make_resource):
        return make_resource(access={"keys": [{"name": "a", "secretRef": {"name": "partner", "key": "token"}}]})

    def test_read_from_the_folder(self, resource, tmp_path):
        (tmp_path / "partner").mkdir()
        (tmp_path / "partner" / "token").write_text("from-the-secret\n")
        assert secret_keys(resource, tmp_path) == [Key("half", "a", "from-the-secret")]

    def test_a_missing_folder_is_named(self, resource):
        with pytest.raises(ServeError, match=r"half: spec\.access\.keys\[0\]\.secretRef: .* --secrets DIR"):
            secret_keys(resource, None)

    def test_a_missing_entry_is_named(self, resource, tmp_path):
        with pytest.raises(ServeError, match="partner/token cannot be read"):
            secret_keys(resource, tmp_path)


def test_one_value_for_two_models_is_refused():
    with pytest.raises(UsageError, match="b:y and a:x have the same key") as caught:
        refuse_doubled([Key("a", "x", "secret"), Key("b", "y", "secret")])
    assert "secret" not in str(caught.value)


class TestDigests:
    def test_only_digests_leave(self, make_resource):
        resource = make_resource(access={"keys": [{"name": "a", "expires": "2027-01-01T00:00:00Z"}]})
        keys = [Key("half", "a", "secret"), Key("other", "b", "x")]
        digests = build_digests(resource, keys, None, NOW)
        assert digests.keys == (KeyDigest(name="a", sha256=sha256("secret"), expires=datetime(2027, 1, 1, tzinfo=UTC)),)

    def test_a_removed_key_leaves_a_tombstone(self, make_resource):
        resource = make_resource()
        before = build_digests(resource, [Key("half", "default", "old")], None, NOW)
        after = build_digests(resource, [Key("half", "default", "new")], before, NOW)
        assert [(key.sha256, key.revoked) for key in after.keys] == [(sha256("new"), None), (sha256("old"), NOW)]

    @pytest.mark.parametrize(("days", "there"), [(89, True), (91, False)])
    def test_a_tombstone_lasts_ninety_days(self, make_resource, days, there):
        dead = KeyDigest(name="default", sha256=sha256("old"), revoked=NOW - timedelta(days=days))
        digests = build_digests(make_resource(), [], KeyDigests(keys=(dead,)), NOW)
        assert (dead in digests.keys) is there

    def test_a_key_that_comes_back_lives(self, make_resource):
        dead = KeyDigest(name="default", sha256=sha256("k"), revoked=NOW)
        digests = build_digests(make_resource(), [Key("half", "default", "k")], KeyDigests(keys=(dead,)), NOW)
        assert [key.revoked for key in digests.keys] == [None]
