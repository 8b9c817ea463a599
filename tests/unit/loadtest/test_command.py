"""The command as a person uses it: tables, JSON, exit codes, and never a key."""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from modelport.loadtest import add_arguments, run


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    monkeypatch.delenv("MODELPORT_KEY", raising=False)
    monkeypatch.setenv("COLUMNS", "200")


def parse(*words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="modelport loadtest")
    add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


def test_the_table_has_the_documents_rows_with_exact_counts(threaded_server, capsys):
    assert run(parse("half", "--url", threaded_server.base, "-n", 40)) == 0
    cells = _cells(capsys.readouterr().out)
    assert cells["Successful Calls Made (with 2xx response)"] == "40"
    assert cells["Failed Calls Made"] == "0"
    assert cells["Total Calls Made"] == "40"
    assert cells["Elapsed Time for Requests"].endswith(" seconds")
    assert cells["API Call"] == f"POST {threaded_server.base}/v1/models/half:predict"
    assert {"Latency p50", "Latency p90", "Latency p99", "Latency p99.9", "Latency max"} <= cells.keys()
    assert threaded_server.seen["/v1/models/half:predict"] == 40 + 1  # one first, outside the figures


def test_a_picture_of_ones_own_is_sent(threaded_server, tmp_path):
    threaded_server.become_a_gateway()
    (tmp_path / "cup.jpg").write_bytes(b"\xff\xd8")
    assert run(parse("cups", "--url", threaded_server.base, "-n", 3, "--file", tmp_path / "cup.jpg")) == 0
    assert set(threaded_server.bodies[1:]) == {b'{"image_type":"base64","data":"/9g="}'}


def test_failures_are_listed_and_make_the_exit_code_1(threaded_server, capsys):
    words = (f"{threaded_server.base}/every-third-fails", "-n", 29)
    assert run(parse(*words)) == 1
    assert "│ 503 Service Unavailable │ queue full │    10 │" in capsys.readouterr().out
    assert run(parse(*words, "--allow-failures")) == 0


def test_json_holds_the_results_and_no_secret(threaded_server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MODELPORT_KEY", "sesame")
    threaded_server.key = "sesame"
    file = tmp_path / "result.json"
    assert run(parse(f"{threaded_server.base}/ok?token=secret", "-n", 9, "-c", 2, "--json", file)) == 0
    document = json.loads(file.read_text())
    assert document["setup"]["url"] == f"{threaded_server.base}/ok"
    results = document["results"]
    assert (results["successful"], results["failed"], results["total"], results["errors"]) == (9, 0, 9, [])
    assert (results["bytesSent"], results["bytesReceived"]) == (0, 45)
    assert results["requestsPerSecond"] == pytest.approx(9 / results["elapsedSeconds"])
    assert list(results["latencySeconds"]) == ["p50", "p90", "p99", "p99.9", "max"]
    printed = capsys.readouterr()
    for text in (file.read_text(), printed.out, printed.err):
        assert "sesame" not in text
        assert "secret" not in text


def test_an_unreachable_server_is_one_sentence_and_exit_code_1(closed_base, capsys):
    assert run(parse("half", "--url", closed_base)) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"modelport loadtest: {closed_base}/openapi.json does not answer: ")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["half", "-c", 2, "--processes", 3], "--processes 3 is more than --concurrency 2"),
        (["half", "--json", "/no/such/folder/x.json"], "--json /no/such/folder/x.json: there is no such folder"),
        (["half", "--body", "/no/such/file"], "--body /no/such/file cannot be read: No such file or directory"),
        (["half", "--file", "/no/such/file"], "--file /no/such/file cannot be read: No such file or directory"),
        (["h:1/[x]"], "'h:1/[x]' is neither a model's name nor a URL"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(words, message, capsys):
    assert run(parse(*words)) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["half", "-n", "0"], "expected a whole number above 0, got '0'"),
        (["half", "-d", "5x"], "expected a time such as 30s, 5m or 500ms, got '5x'"),
        (["half", "-d", "0s"], "expected a time"),
        (["half", "-H", "no colon"], "expected 'NAME: VALUE'"),
        (["half", "--method", "A B"], "expected an HTTP method such as PUT, got 'A B'"),
        (["half", "-n", "1", "-d", "1s"], "not allowed with"),
        (["half", "--api", "grpc"], "invalid choice"),
        (["half", "--body", "a", "--file", "b"], "not allowed with"),
        ([], "required: URL|MODEL"),
    ],
)
def test_what_argparse_refuses_exits_with_2(words, message, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(*words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("1.5h", 5400), ("250ms", 0.25), ("7", 7)])
def test_times_have_units(text, seconds):
    assert parse("half", "--duration", text).duration == seconds


def test_several_processes_share_the_work_to_the_last_request(threaded_server, capsys):
    assert run(parse(f"{threaded_server.base}/every-third-fails", "-n", 59, "-c", 3, "--processes", 2)) == 1
    cells = _cells(capsys.readouterr().out)
    assert cells["Number of API Calls at a Time"] == "3 from 2 processes"
    assert (cells["Successful Calls Made (with 2xx response)"], cells["Failed Calls Made"]) == ("39", "20")
    assert threaded_server.seen["/every-third-fails"] == 60


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_prints_the_table_so_far(threaded_server, processes):
    command = f"import sys; sys.argv[1:] = ['{threaded_server.base}/ok', '-d', '60s', '--processes', '{processes}']\n"
    command += "import argparse; from modelport.loadtest import add_arguments, run\n"
    command += "parser = argparse.ArgumentParser(); add_arguments(parser); sys.exit(run(parser.parse_args()))"
    with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, text=True) as process:
        under_way = threading.Event()
        while threaded_server.seen["/ok"] < 100:
            under_way.wait(0.02)
        os.kill(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert int(_cells(out)["Total Calls Made"]) > 0


def _cells(text: str) -> dict[str, str]:
    rows = (line.split("│") for line in text.splitlines() if line.startswith("│"))
    return {row[1].strip(): row[2].strip() for row in rows}
