"""The guides for one machine, command by command, as a reader types them in a checkout: `make test-docs`.

Those for a cluster are typed in tests/e2e.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_commands import CLUSTER_PAGES, DOCS, Page, read_blocks

pytestmark = [pytest.mark.docs, pytest.mark.timeout(900)]

REPOSITORY = DOCS.parent
SECONDS = 300
"""For one command: the first may install things."""
PAGES = [
    path
    for path in sorted((DOCS / "guides").glob("*.md"))
    if path.stem not in CLUSTER_PAGES and any(not block.why_not for block in read_blocks(path.read_text()))
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a folder that is the checkout to look at, and keeps what is written beside."""
    for path in REPOSITORY.iterdir():
        if path.name not in (".modelport", ".git"):
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_commands_of_a_page_do_what_it_says(path: Path, checkout: Path) -> None:
    blocks = read_blocks(path.read_text())
    with Page(checkout, {}) as page:
        assert page.run(blocks, SECONDS) == sum(len(block.commands) for block in blocks if not block.why_not)
