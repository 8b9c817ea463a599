"""The docstrings of blocks and of their fields: the words of `kubectl explain` and of the reference page."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from modelport.api.frozen import Frozen


def summary_of(block: type[Frozen]) -> str:
    """Return a block's docstring in one line."""
    return _one_line(inspect.getdoc(block) or "")


@cache
def descriptions_of(block: type[Frozen]) -> dict[str, str]:
    """Return the docstrings under a block's fields, by Python name, each in one line.

    They are read from the source, since Python itself does not keep them.
    """
    described: dict[str, str] = {}
    for base in reversed([base for base in block.__mro__ if issubclass(base, Frozen)]):
        tree = ast.parse(inspect.getsource(sys.modules[base.__module__]))
        body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == base.__name__)
        described |= dict(_documented(body))
    return described


def _documented(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, doc in pairwise(body):
        match field, doc:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, _one_line(text)


def _one_line(text: str) -> str:
    return " ".join(text.split())
