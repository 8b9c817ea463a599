"""The tutorial and the guides for a cluster, command by command, as a reader types them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from doc_commands import CLUSTER_PAGES, DOCS, Page, read_blocks
from real_cluster.kubectl import environment_command

TUTORIAL, CLEAN_UP = (DOCS / "tutorial.md").read_text().split("## Clean up")
NAMES = {"modelport": "localhost/modelport:0.1.0", "triton": "localhost/modelport-triton:0.1.0"}
"""What the tutorial calls the images."""
SECONDS = 330
"""For one command, of which some wait for a model."""


@pytest.fixture(scope="module")
def page(
    notes: str, images: Mapping[str, str], helm: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """Give the shell of a reader who has come to the tutorial's end, where its model answers.

    The tutorial upgrades the release that is there; afterwards it is as the other suites want it.
    """
    folder = tmp_path_factory.mktemp("docs")
    for what, name in NAMES.items():
        if images[what] != name:
            load_as(name, archive_of(what), folder / f"{what}.tar")
    program = subprocess.run([DOCS.parent / "scripts" / "helm"], capture_output=True, text=True, check=True).stdout
    (folder / "bin").mkdir()
    (folder / "bin" / "helm").symlink_to(program.strip())
    checkout = folder / "checkout"
    checkout.mkdir()
    for path in DOCS.parent.iterdir():
        if path.name not in (".modelport", ".git"):
            (checkout / path.name).symlink_to(path)
    kubeconfig = folder / "kubeconfig"  # the tutorial changes its current namespace
    kubeconfig.write_text(Path(os.environ["KUBECONFIG"]).read_text())
    environment = {"KUBECONFIG": str(kubeconfig), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    try:
        with Page(checkout, environment) as page:
            page.run(read_blocks(TUTORIAL), SECONDS)
            yield page
            page.run(read_blocks(CLEAN_UP), SECONDS)
    finally:
        helm("upgrade")


@pytest.mark.parametrize("name", CLUSTER_PAGES)
def test_the_commands_of_a_guide_do_what_it_says(name: str, page: Page) -> None:
    """Each leaves the tutorial's model as it was."""
    blocks = read_blocks((DOCS / "guides" / f"{name}.md").read_text())
    assert page.run(blocks, SECONDS) == sum(len(block.commands) for block in blocks if not block.why_not)


def test_the_notes_of_the_chart_ask_the_model(page: Page) -> None:
    notes = page.read("helm get notes modelport --namespace modelport")
    lines = [line.strip() for line in notes.splitlines() if line.startswith("    ")]
    typed = [line.replace("NAMESPACE", "demo").replace("NAME", "half-plus-two") for line in lines]
    assert [line.split()[0] for line in typed].count("curl") == 1
    printed = page.read("\n".join(typed))
    assert '"/v1/models/half_plus_two:predict"' in printed


def archive_of(what: str) -> Path:
    """Return the archive of an image, which the fixture `images` has built."""
    build = os.environ.get("MODELPORT_E2E_IMAGES", str(DOCS.parent / "scripts" / "images")).split()
    lines = subprocess.run(build, capture_output=True, text=True, check=True).stdout.splitlines()
    return next(Path(archive) for each, _, archive in map(str.split, lines) if each == what)


def load_as(name: str, archive: Path, copy: Path) -> None:
    """Load an image (an OCI archive) under another name."""
    with tarfile.open(archive) as old, tarfile.open(copy, "w") as new:
        for entry in old:
            content = old.extractfile(entry)
            if content and entry.name.removeprefix("./") == "index.json":
                index = json.load(content)
                for manifest in index["manifests"]:
                    manifest["annotations"] = {"org.opencontainers.image.ref.name": name}
                text = json.dumps(index).encode()
                entry.size, content = len(text), io.BytesIO(text)
            new.addfile(entry, content)
    subprocess.run([*environment_command("MODELPORT_E2E_LOAD_IMAGE"), copy], check=True)
