"""`modelport snippet`: a program that asks one published model, in any of ten languages.

    discovery.Operation ── build_call ──► Call ── Language.program ──► code
                                                    │ strings, values: literals, exact in each language
                                                    │ template: a program with gaps

The server's own example is the request. So a snippet works as it stands, and no format is known here but to the one
language that has classes for formats.
"""

from modelport.snippets.command import add_arguments, run
from modelport.snippets.errors import SnippetError

__all__ = ["SnippetError", "add_arguments", "run"]
