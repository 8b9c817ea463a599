"""What was measured, printed at the end and written as a page of the docs where a variable says so."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "MODELPORT_E2E_REPORT"
HEAD = """<!-- Written by `make e2e`; do not edit. -->
# End-to-end figures

One node with {cores} cores holds cluster, models and load at once; images are present.
`MODELPORT_E2E_REPORT=FILE make e2e` writes this page.
"""


@dataclass
class Table:
    """One table of the page."""

    title: str
    columns: Sequence[str]
    note: str = ""
    rows: list[Sequence[object]] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"## {self.title}", "", *([self.note, ""] if self.note else [])]
        lines += ["| " + " | ".join(self.columns) + " |", "|" + " --- |" * len(self.columns)]
        return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in self.rows)])


@dataclass
class Report:
    """The page."""

    tables: list[Table] = field(default_factory=list)

    def table(self, title: str, *columns: str, note: str = "") -> Table:
        """Return the table of that title, a new one the first time."""
        for table in self.tables:
            if table.title == title:
                return table
        self.tables.append(Table(title, columns, note))
        return self.tables[-1]

    def under_load(self, what: str, results: Mapping[str, Any], seconds: float) -> None:
        """Add what a load has seen while something changed."""
        table = self.table("Failed requests under load", "change", "requests", "failed", "p50", "p99", "seconds")
        times = (f"{results['latencySeconds'][name] * 1000:.0f} ms" for name in ("p50", "p99"))
        table.rows.append((what, results["total"], results["failed"], *times, f"{seconds:.0f}"))

    def __str__(self) -> str:
        head = HEAD.format(cores=os.cpu_count())
        return head + "\n" + "\n\n".join(str(table) for table in self.tables if table.rows) + "\n"

    def write(self) -> None:
        """Write the page to the file that the variable names, if it does."""
        if os.environ.get(FILE):
            Path(os.environ[FILE]).write_text(str(self), "utf-8")
