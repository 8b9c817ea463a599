"""The command line: what it teaches, what it refuses, and its exit codes."""

import pytest

from modelport import __version__
from modelport.cli import build_parser, main


@pytest.mark.parametrize(
    ("arguments", "teaches"),
    [
        ([], "modelport serve model.yaml"),
        (["serve"], "lines MODEL:NAME:KEY, instead of generated keys"),
        (["check"], "--offline"),
        (["loadtest"], "half_plus_two"),
    ],
)
def test_help_shows_examples(arguments, teaches, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    assert teaches in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"modelport {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no command"),
        pytest.param(["serve"], id="no manifest"),
        pytest.param(["serve", "m.yaml", "--workers", "0"], id="no worker"),
        pytest.param(["serve", "m.yaml", "--port", "http"], id="a port that is no number"),
        pytest.param(["serve", "m.yaml", "--speling"], id="an unknown option"),
    ],
)
def test_a_wrong_command_line_is_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_every_option_of_serve_is_explained(capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    text = capsys.readouterr().out
    names = set(vars(build_parser().parse_args(["serve", "m.yaml"]))) - {"run", "paths"}
    options = {"--state-dir" if name == "state" else f"--{name.replace('_', '-')}" for name in names}
    assert {option for option in options if f"\n  {option}" not in text} == set()


class TestCheck:
    def test_a_good_manifest_is_ok(self, write_manifest, capsys):
        file = write_manifest()
        assert main(["check", str(file), "--offline"]) == 0
        assert capsys.readouterr().out == f"{file}: OK (half)\n"

    def test_each_problem_is_one_line_and_the_good_file_is_still_ok(self, write_manifest, tmp_path, capsys):
        good = write_manifest("good.yaml", name="good")
        write_manifest("bad.yaml", name="bad", extra="  speling: 1\n")
        assert main(["check", str(tmp_path), "--offline"]) == 1
        first, second = capsys.readouterr().out.splitlines()
        assert first == f"{good}: OK (good)"
        assert second.startswith(f"{tmp_path}/bad.yaml: spec.speling")

    def test_what_has_no_effect_here_is_noted(self, write_manifest, capsys):
        file = write_manifest(extra="  versionTag: spring\n")
        assert main(["check", str(file), "--offline"]) == 0
        assert f"{file}: note: half: spec.versionTag: spring rolls Pods" in capsys.readouterr().out

    def test_a_missing_model_is_a_problem(self, write_manifest, tmp_path, monkeypatch, capsys):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        file = write_manifest()
        assert main(["check", str(file)]) == 1
        assert capsys.readouterr().out.startswith(f"{file}: half: ")

    def test_one_name_in_two_files(self, write_manifest, tmp_path, capsys):
        write_manifest("a.yaml")
        write_manifest("b.yaml")
        assert main(["check", str(tmp_path), "--offline"]) == 1
        assert "metadata.name is half, as in" in capsys.readouterr().out


def test_a_problem_of_the_system_is_one_line(monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "/state/keys")

    monkeypatch.setattr("modelport.local.check.check", full)
    assert main(["check", "m.yaml"]) == 1
    assert capsys.readouterr().err == "modelport: /state/keys: No space left on device\n"
