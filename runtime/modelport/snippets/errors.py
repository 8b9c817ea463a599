"""Why no code could be written."""

from modelport.errors import ModelportError


class SnippetError(ModelportError):
    """The request cannot be written as a program in this language."""
