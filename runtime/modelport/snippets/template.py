"""A program with named gaps: `«name»`, since no language here has such quotes of its own."""

from __future__ import annotations

import re

_GAP = re.compile(r"^(?P<alone>[ \t]*)«(?P<line>\w+)»\n|«(?P<inside>\w+)»", re.MULTILINE)
_INDENT = re.compile(r"[ \t]*")


def fill(template: str, **parts: str) -> str:
    """Put a part into each gap.

    Further lines of a part are indented as the line of its gap. A gap alone on its line vanishes with it where its part
    is empty. Parts are not looked through for gaps.
    """

    def put(gap: re.Match[str]) -> str:
        part = parts[gap["line"] or gap["inside"]]
        if gap["line"] and not part:
            return ""
        start = template.rfind("\n", 0, gap.start()) + 1
        indent = _INDENT.match(template, start)
        spaces = indent[0] if indent else ""
        text = part.replace("\n", f"\n{spaces}")
        return f"{spaces}{text}\n" if gap["line"] else text

    return _GAP.sub(put, template)


def plain(text: str) -> str:
    """Return a text that may stand in any comment: what could end the comment is replaced."""
    return re.sub(r"[^ !-)+-\[\]-~]", "?", text)  # printable ASCII but * and \
