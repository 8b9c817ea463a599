"""The commands of a page are found, told apart and run; what stands where no test would find it is found too."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_commands import DOCS, Block, Command, Page, PageError, find_missing, find_strays, read_blocks

PAGES = [DOCS / "tutorial.md", *sorted((DOCS / "guides").glob("*.md"))]

TEXT = """# A page

Text, and then:

```console
$ echo one \\
    two
one two
$ cat <<EOF
> three
> EOF
three
```

*Not run by the tests: needs Docker.*

```console
$ docker ps
```

In a terminal of its own:

```console
$ sleep 1000
```

```yaml
$ no: command
```
"""


def test_commands_and_what_they_print_are_found() -> None:
    assert read_blocks(TEXT) == [
        Block(5, [Command(6, "echo one \\\n    two", ["one two"]), Command(9, "cat <<EOF\nthree\nEOF", ["three"])]),
        Block(17, [Command(18, "docker ps", [])], why_not="needs Docker"),
        Block(23, [Command(24, "sleep 1000", [])], background=True),
    ]


def test_a_block_that_begins_with_no_command_is_refused() -> None:
    with pytest.raises(PageError, match="line 2: a block begins with"):
        read_blocks("```console\nkubectl get pods\n```\n")


@pytest.mark.parametrize(
    "text",
    ["    kubectl get pods\n", "```\nhelm list\n```\n", "```sh\n$ make run\n```\n", "```bash\nscripts/lock\n```\n"],
)
def test_a_command_outside_of_a_block_is_found(text: str) -> None:
    assert len(find_strays(text)) == 1


@pytest.mark.parametrize("text", ["    HTTP/1.1 503\n", "kubectl is a word here.\n", "```yaml\nmake: 1\n```\n"])
def test_other_text_is_no_command(text: str) -> None:
    assert find_strays(text) == []


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with Page(tmp_path, {"GREETING": "hello"}) as page:
        yield page


def test_commands_share_a_shell(page: Page) -> None:
    blocks = read_blocks('```console\n$ A=$GREETING\n```\n\n```console\n$ echo "$A you"\nhello …\n```\n')
    assert page.run(blocks) == 2


def test_a_command_that_fails_is_told_with_its_line(page: Page) -> None:
    with pytest.raises(PageError, match=r"line 2: ls nothing\nended with 2; it printed\n.*No such file"):
        page.run(read_blocks("```console\n$ ls nothing\n```\n"))


def test_another_output_is_told(page: Page) -> None:
    with pytest.raises(PageError, match="did not print 'two'"):
        page.run(read_blocks("```console\n$ echo one\ntwo\n```\n"))


def test_a_command_that_does_not_end_is_told(page: Page) -> None:
    with pytest.raises(PageError, match=r"took more than 0\.2 s"):
        page.run(read_blocks("```console\n$ sleep 60\n```\n"), seconds=0.2)


def test_a_terminal_of_its_own_goes_on_and_ends_with_the_page(tmp_path: Path) -> None:
    text = (
        "In a terminal of its own:\n\n```console\n$ echo $BASHPID >pid; echo up; exec sleep 1000\nup\n```\n\n"
        "```console\n$ kill -0 $(cat pid)\n```\n"
    )
    with Page(tmp_path, {}) as page:
        assert page.run(read_blocks(text)) == 2
    command = Path("/proc", (tmp_path / "pid").read_text().strip(), "cmdline")
    while command.exists() and command.read_text():  # a zombie has none
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("expected", "printed", "missing"),
    [
        ((), "anything", ""),
        (("a", "c"), "a\nb\nc\n", ""),
        (("c", "a"), "a\nb\nc\n", "a"),
        (("NAME  READY",), "NAME           READY\n", ""),
        (('{"key": "mp_…"}',), '{"key": "mp_1234"}\n', ""),
        (("a",), "ab\n", "a"),
        (("…",), "", ""),
        (("a … b",), "a b\n", ""),
        (("╭──╮", "│ a │"), "╭───╮\n│ a │\n", ""),
    ],
)
def test_what_is_printed_is_held_line_by_line(expected: tuple[str, ...], printed: str, missing: str) -> None:
    assert find_missing(expected, printed) == missing


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_command_of_a_page_can_be_found(path: Path) -> None:
    text = path.read_text()
    assert find_strays(text) == []
    read_blocks(text)


ALLOWED = {
    "needs Docker": 3,
    "downloads from the internet": 1,
    "needs a registry": 2,
    "1 GB of packages": 2,
    "needs Ruby; tests/snippets runs all languages": 1,
    "takes minutes; tests/bench/stress.py does it": 1,
    "other pages need what it takes away; the chart's own tests do it": 1,
}
"""Why blocks are not run, and how many are not for that."""


def test_what_is_not_run_is_counted() -> None:
    blocks = [block for path in PAGES for block in read_blocks(path.read_text())]
    assert Counter(block.why_not for block in blocks if block.why_not) == ALLOWED
