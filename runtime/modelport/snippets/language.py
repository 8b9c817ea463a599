"""A programming language: how its programs are called, commented and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelport.snippets.call import KEY_VARIABLE, Call
from modelport.snippets.template import plain


@dataclass(frozen=True, slots=True)
class Language:
    """One entry of the table in `languages`."""

    name: str
    """As in `--lang`."""
    needs: str
    """What must be installed, in words."""
    run: str
    """The command that runs the program, with the file's name in it."""
    program: Callable[[Call], str]
    """Writes the program without the comment at its top."""
    comment: str = "#"
    """Begins a comment that ends with the line."""
    aliases: tuple[str, ...] = ()
    """Other words for it in `--lang`."""


def render(language: Language, call: Call) -> str:
    """Return a whole program: a comment that says what it does and how to run it, and the code."""
    lines = [f"Asks the model {plain(call.model)} by its API {plain(call.api)}. It needs {language.needs}:", ""]
    if call.key_needed:
        lines.append(f"    export {KEY_VARIABLE}=...")
    lines.append(f"    {language.run}")
    if call.holds_file and call.file is None:
        lines += ["", "The file in the request is an example. `modelport snippet --file PATH` writes code that reads"]
        lines += ["a file of yours and sends it in base64."]
    top = "\n".join(f"{language.comment} {line}".rstrip() for line in lines)
    return f"{top}\n\n{language.program(call)}"
