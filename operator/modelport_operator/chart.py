"""The parts of the Helm chart that the code decides: `python -m modelport_operator.chart charts/modelport/files`.

The chart's templates take the files as they are, so the definition, the rights and the metrics have one source.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from modelport.api.schema import render_crd
from modelport_operator.adapter_rules import build_adapter_rules
from modelport_operator.rbac import OWN_RIGHTS, RIGHTS, build_rules

HEAD: Final = "# Made by `make chart`.\n"


def build_files() -> Mapping[str, str]:
    """Return the text of each file by its name."""
    _, _, spec = render_crd().partition("\nspec:\n")  # without the metadata, which is the chart's
    return {
        "definition.yaml": f"{HEAD}spec:\n{spec}",
        "rights.yaml": HEAD + _dump({"rules": build_rules(RIGHTS)}),
        "own-rights.yaml": HEAD + _dump({"rules": build_rules(OWN_RIGHTS)}),
        "adapter-rules.yaml": HEAD + _dump(build_adapter_rules()),
    }


def _dump(content: Any) -> str:
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=120)


def main(arguments: Sequence[str]) -> None:
    """Write the files into the folder that is named."""
    folder = Path(arguments[0])
    for name, text in build_files().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
