"""A model's folder appears, changes and goes in one step, whatever happens meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelport.repository import publish as module
from modelport.repository.publish import PublishError, publish, restore, unpublish

CONFIG = 'name: "m"\n'


def source(folder: Path, **contents: str) -> dict[str, Path]:
    """Write files, version folders for underscores (`v1_model`), and say what goes where."""
    folder.mkdir(exist_ok=True)
    files = {}
    for name, content in contents.items():
        path = folder / name
        path.write_text(content)
        files[name.removeprefix("v").replace("_", "/")] = path
    return files


def tree(home: Path) -> dict[str, str]:
    found = {str(path.relative_to(home)): path.read_text() for path in home.rglob("*") if path.is_file()}
    assert found.pop(".published")
    return found


def names(folder: Path) -> list[str]:
    """What lies in a target, besides what the last publication replaced."""
    return [entry.name for entry in folder.iterdir() if entry.name != ".m@previous"]


def test_files_and_configuration_are_laid_out(tmp_path: Path) -> None:
    home, changed = publish(tmp_path / "target", "m", source(tmp_path / "s", v1_model="one", v2_model="two"), CONFIG)
    assert changed
    assert home == tmp_path / "target" / "m"
    assert tree(home) == {"1/model": "one", "2/model": "two", "config.pbtxt": CONFIG}
    assert names(tmp_path / "target") == ["m"]


def test_files_are_links_to_the_cache(tmp_path: Path) -> None:
    files = source(tmp_path / "s", v1_model="one")
    home, _ = publish(tmp_path / "target", "m", files, CONFIG)
    assert (home / "1" / "model").samefile(files["1/model"])


def test_files_are_copies_where_no_link_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    home, _ = publish(tmp_path / "target", "m", source(tmp_path / "s", v1_model="one"), CONFIG)
    assert tree(home) == {"1/model": "one", "config.pbtxt": CONFIG}


def test_what_is_published_already_is_left_alone(tmp_path: Path) -> None:
    files = source(tmp_path / "s", v1_model="one")
    home, _ = publish(tmp_path / "target", "m", files, CONFIG)
    before = home.stat().st_ino
    assert publish(tmp_path / "target", "m", files, CONFIG) == (home, False)
    assert home.stat().st_ino == before


@pytest.mark.parametrize("exchange", [True, False], ids=["in one step", "where the disk cannot swap"])
def test_versions_that_left_are_gone(exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not exchange:
        monkeypatch.setattr(module, "exchange", lambda one, other: False)
    target = tmp_path / "target"
    publish(target, "m", source(tmp_path / "s", v1_model="one", v2_model="two"), CONFIG)
    home, changed = publish(target, "m", source(tmp_path / "s", v2_model="two", v3_model="three"), CONFIG)
    assert changed
    assert tree(home) == {"2/model": "two", "3/model": "three", "config.pbtxt": CONFIG}
    assert names(target) == ["m"]


def test_another_configuration_is_published_anew(tmp_path: Path) -> None:
    files = source(tmp_path / "s", v1_model="one")
    publish(tmp_path / "target", "m", files, CONFIG)
    home, changed = publish(tmp_path / "target", "m", files, 'name: "m" max_batch_size: 1\n')
    assert changed
    assert tree(home)["config.pbtxt"] == 'name: "m" max_batch_size: 1\n'


def test_a_file_that_somebody_removed_comes_back(tmp_path: Path) -> None:
    files = source(tmp_path / "s", v1_model="one")
    home, _ = publish(tmp_path / "target", "m", files, CONFIG)
    (home / "1" / "model").unlink()
    publish(tmp_path / "target", "m", files, CONFIG)
    assert tree(home) == {"1/model": "one", "config.pbtxt": CONFIG}


def test_a_run_killed_half_way_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, old = tmp_path / "target", source(tmp_path / "s", v1_model="one")
    home, _ = publish(target, "m", old, CONFIG)

    def killed(fresh: Path, home: Path) -> None:
        raise KeyboardInterrupt

    def dead(self: Any, *_: object) -> None:
        self._finalizer.detach()

    with monkeypatch.context() as patch:
        patch.setattr(module, "put_in_place", killed)
        patch.setattr(module.tempfile.TemporaryDirectory, "__exit__", dead)
        with pytest.raises(KeyboardInterrupt):
            publish(target, "m", source(tmp_path / "s", v2_model="two"), CONFIG)
    assert tree(home) == {"1/model": "one", "config.pbtxt": CONFIG}
    assert len(names(target)) == 2, "the dead run's remains, under a hidden name"

    publish(target, "m", source(tmp_path / "s", v2_model="two"), CONFIG)
    assert tree(home) == {"2/model": "two", "config.pbtxt": CONFIG}
    assert names(target) == ["m"], "the next run cleans up"


def test_a_target_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("a file")
    with pytest.raises(PublishError, match=r"target cannot be written: File exists$"):
        publish(tmp_path / "target", "m", source(tmp_path / "s", v1_model="one"), CONFIG)


def test_a_model_goes_as_a_whole(tmp_path: Path) -> None:
    home, _ = publish(tmp_path / "target", "m", source(tmp_path / "s", v1_model="one"), CONFIG)
    unpublish(tmp_path / "target", "m")
    unpublish(tmp_path / "target", "m")
    assert not home.exists()
    assert names(tmp_path / "target") == []


@pytest.mark.parametrize("exchange", [True, False], ids=["where folders can be swapped", "where they cannot"])
def test_what_was_replaced_can_be_put_back(exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not exchange:
        monkeypatch.setattr(module, "exchange", lambda one, other: False)
    target = tmp_path / "target"
    for content in ("old", "new"):
        publish(target, "m", source(tmp_path / content, v1_model=content), CONFIG)
    restore(target, "m")
    assert tree(target / "m")["1/model"] == "old"
    assert names(target) == ["m"]


def test_a_first_publication_has_nothing_to_put_back(tmp_path: Path) -> None:
    publish(tmp_path / "target", "m", source(tmp_path / "s", v1_model="one"), CONFIG)
    restore(tmp_path / "target", "m")
    assert tree(tmp_path / "target" / "m")["1/model"] == "one"


def test_a_model_that_goes_takes_what_it_replaced_along(tmp_path: Path) -> None:
    for content in ("old", "new"):
        publish(tmp_path / "target", "m", source(tmp_path / content, v1_model=content), CONFIG)
    unpublish(tmp_path / "target", "m")
    assert names(tmp_path / "target") == []
