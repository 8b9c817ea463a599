r"""A text as a literal, exact in each language, in double quotes.

What may be misread is escaped: quotes, backslashes, whatever does not print, and all that is not ASCII where a
compiler may take the source for another encoding than UTF-8.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping

_COMMON: Mapping[str, str] = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
"""The escapes that all of these languages share."""


def _quoted(
    text: str, code: Callable[[str], str], escapes: Mapping[str, str] = _COMMON, *, readable: bool = False
) -> str:
    """Quote a text: `escapes` for some characters, `code` for those that do not print.

    `readable` leaves letters beyond ASCII as they are.
    """

    def write(character: str) -> str:
        if character in escapes:
            return escapes[character]
        plain = character.isprintable() and (readable or character.isascii())
        return character if plain else code(character)

    return f'"{"".join(map(write, text))}"'


def _units(character: str) -> str:
    r"""Write UTF-16's one or two units as `\uXXXX` (JSON: RFC 8259, section 7; Java: JLS, 3.3)."""
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))


def _code_point(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"


def _fixed(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _octets(character: str) -> str:
    """Write UTF-8's bytes in octal, always three digits: a digit may follow."""
    return "".join(f"\\{byte:03o}" for byte in character.encode())


def json(text: str) -> str:
    """Write a JSON string."""
    return _quoted(text, _units, readable=True)


def json_ascii(text: str) -> str:
    """Write a JSON string in ASCII alone."""
    return _quoted(text, _units)


def python(text: str) -> str:
    """Write a `str` of Python."""
    return _quoted(text, _fixed, readable=True)


def javascript(text: str) -> str:
    """Write a string of JavaScript (ECMA-262, 12.9.4)."""
    return _quoted(text, _code_point, readable=True)


def go(text: str) -> str:
    """Write an interpreted string literal of Go."""
    return _quoted(text, _fixed, readable=True)


def ruby(text: str) -> str:
    """Write a string of Ruby; `#` would begin an interpolation."""
    return _quoted(text, _code_point, {**_COMMON, "#": r"\#"}, readable=True)


def java(text: str) -> str:
    """Write a string literal of Java; its compiler reads sources in the system's encoding before version 18."""
    return _quoted(text, _units)


def r(text: str) -> str:
    """Write a string of R, which reads sources in the locale's encoding; it has no strings with NUL."""
    return _quoted(text, _fixed)


def c(text: str) -> str:
    r"""Write a string literal of C in UTF-8; of two `?` the second is escaped, since `??/` is a backslash to some."""
    return re.sub(r"(?<=\?)\?", r"\\?", _quoted(text, _octets))


def shell(text: str) -> str:
    """Write one word of a POSIX shell."""
    return shlex.quote(text)
