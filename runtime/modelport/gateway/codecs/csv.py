"""CSV text to a table of cells and back (RFC 4180), as spreadsheets and pandas write it.

What a cell means is not known here; `cells.py` makes arrays of columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelport.gateway.codecs.kinds import kind_of
from modelport.gateway.codecs.words import one_of, quote
from modelport.gateway.errors import BadRequest

MEDIA_TYPE = "text/csv"

_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Table:
    """A header and the rows below it, each of as many cells."""

    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]
    """Line of the text on which each row ends, from 1, for messages."""
    path: str
    """Of the text in the request, for messages."""

    def column(self, name: str) -> list[str] | None:
        """Return a column's cells, None if there is no such column; raise BadRequest if there are two."""
        if name not in self.header:
            return None
        if self.header.count(name) > 1:
            raise BadRequest(f"{self.path}: the column {quote(name)} stands twice in the header")
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def show_header(self) -> str:
        """List the columns for a message, the first ten of them."""
        shown = one_of(self.header[:10])
        return f"{shown} and {len(self.header) - 10} more" if len(self.header) > 10 else shown


def parse_csv(data: bytes, path: str, *, cells: int) -> Table:
    """Read a header and at least one row.

    Quoted fields may hold commas, quotes and line breaks; lines end in LF, CRLF or CR, and empty ones are passed over.
    The text is UTF-8, with or without a byte order mark, or else CP932, as Excel writes it in Japan.

    Args:
        data: the file.
        path: of it in the request, for messages.
        cells: the most cells that the rows may have together.

    Raises:
        BadRequest: with the line.
    """
    reader = csv.reader(io.StringIO(_decode(data, path), newline=""), strict=True)
    header: tuple[str, ...] = ()
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if not row:
                continue
            if not header:
                header = tuple(row)
                continue
            if len(row) != len(header):
                raise BadRequest(
                    f"{path}: line {reader.line_num}: expected {len(header)} fields as in the header, got {len(row)}"
                )
            rows.append(row)
            lines.append(reader.line_num)
            if len(rows) * len(header) > cells:
                raise BadRequest(f"{path}: more than {cells} cells")
    except csv.Error as error:
        raise BadRequest(f"{path}: line {reader.line_num}: not CSV: {error}") from error
    if not rows:
        raise BadRequest(f"{path}: expected a header and one or more rows, got {'a header' if header else 'no line'}")
    return Table(header, rows, lines, path)


def write_csv(header: Sequence[str], columns: Sequence[Iterable[str]]) -> bytes:
    """Write columns of one length below their header, in UTF-8 with lines that end in CRLF."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    return file.getvalue().encode()


def _decode(data: bytes, path: str) -> str:
    if data.startswith(_UTF_16_MARKS):
        raise BadRequest(f"{path}: expected UTF-8 text, got UTF-16; save the file as CSV UTF-8")
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadRequest(f"{path}: expected text in UTF-8 or CP932, got {kind_of(data)}")
