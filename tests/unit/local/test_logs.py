"""Log lines: the fields that a machine reads, and one line whatever the message."""

import io
import json
import logging

import pytest

from modelport import logs


@pytest.fixture
def restored_logging():
    root = logging.getLogger()
    levels = {logger: logger.level for logger in (root, *map(logging.getLogger, logs.OURS))}
    handlers = root.handlers[:]
    yield
    root.handlers[:] = handlers
    for logger, level in levels.items():
        logger.setLevel(level)


def record(message="hello %s", args=("world",), level=logging.INFO, **extra):
    made = logging.LogRecord("modelport.gateway", level, "file.py", 1, message, args, None)
    vars(made).update(extra)
    made.created = 1795356608.1234
    return made


def test_json_line_has_the_documented_fields_and_the_extra_ones():
    line = json.loads(logs.JsonFormatter().format(record(request_id="r1", model="half")))
    assert line == {
        "ts": "2026-11-22T14:10:08.123Z",
        "level": "info",
        "logger": "modelport.gateway",
        "message": "hello world",
        "request_id": "r1",
        "model": "half",
    }


def test_json_line_stays_one_line_with_a_message_of_several():
    assert "\n" not in logs.JsonFormatter().format(record("a\nb", ()))


def test_json_line_takes_values_that_json_has_no_word_for():
    assert json.loads(logs.JsonFormatter().format(record(path=io.StringIO)))["path"] == str(io.StringIO)


def test_text_line_shows_level_logger_message_and_fields():
    line = logs.TextFormatter().format(record(level=logging.WARNING, model="half"))
    assert line == "2026-11-22T14:10:08.123Z WARNING modelport.gateway  hello world  model=half"


@pytest.mark.parametrize("log_format", logs.FORMATTERS)
def test_configured_level_holds_back_what_is_below_it(log_format, restored_logging):
    stream = io.StringIO()
    logs.configure(log_format, "warning", stream)
    logging.getLogger("modelport.x").info("quiet")
    logging.getLogger("modelport.x").warning("loud")
    assert stream.getvalue().count("\n") == 1
    assert "loud" in stream.getvalue()


def test_a_librarys_details_are_held_back_at_any_level(restored_logging):
    stream = io.StringIO()
    logs.configure("text", "debug", stream)
    logging.getLogger("library").info("quiet")
    logging.getLogger("modelport.x").debug("loud")
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["loud"]


def test_traceback_of_a_bug_is_kept(restored_logging):
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    try:
        raise ValueError("a bug")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert "ValueError: a bug" in json.loads(stream.getvalue())["exception"]
