"""Which columns of a table the model takes, and how they become its inputs.

Each input is a column of its own name; or, with `spec.io.tabular`, the model's one wide input is those columns side by
side. Columns stand in any order, and what the model does not take is passed over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from modelport.gateway.codecs.cells import parse_cells
from modelport.gateway.codecs.csv import Table
from modelport.gateway.codecs.shapes import fits, show_shape
from modelport.gateway.codecs.words import quote
from modelport.gateway.errors import BadRequest, InternalError
from modelport.gateway.formats.base import Model
from modelport.gateway.tensors import Array, TensorSpec


@dataclass(frozen=True, slots=True)
class TableInput:
    """An input of the model and the columns that make it."""

    spec: TensorSpec
    columns: tuple[str, ...]


def table_inputs(model: Model) -> tuple[TableInput, ...]:
    """Return the model's inputs in its own order, each with its columns.

    Raises:
        InternalError: one of them takes no columns, which its publisher should know.
    """
    tabular, specs = model.spec.io.tabular, model.meta.inputs
    if tabular is None:
        inputs = tuple(TableInput(spec, (name,)) for name, spec in specs.items())
    else:
        needed = [spec for spec in specs.values() if not spec.optional]
        if len(needed) != 1:
            raise InternalError(
                f"spec.io.tabular: expected one input that takes them, the model has {', '.join(map(repr, specs))}"
            )
        inputs = (TableInput(needed[0], tabular.columns),)
    for each in inputs:
        if _shape_in(each, rows=1) is None:
            raise InternalError(
                f"spec.io.tabular: {len(each.columns)} column{'s' * (len(each.columns) != 1)} cannot make the model's "
                f"input {each.spec.name!r}, whose shape is {show_shape(each.spec.shape)}"
            )
    return inputs


def column_names(model: Model) -> tuple[str, ...]:
    """Return the columns that the model takes, in its own order; raise InternalError as `table_inputs` does."""
    return tuple(name for each in table_inputs(model) for name in each.columns)


def read_inputs(table: Table, model: Model) -> dict[str, Array]:
    """Return the model's inputs with a row for each row of the table; raise BadRequest with line and column."""
    found = {}
    for each in table_inputs(model):
        if each.spec.optional and each.spec.name not in table.header:
            continue
        shape = _shape_in(each, rows=len(table.rows))
        if shape is None:
            raise BadRequest(f"{table.path}: the model takes one row at once, got {len(table.rows)}")
        arrays = [_read_column(table, name, each.spec.dtype) for name in each.columns]
        found[each.spec.name] = np.stack(arrays, axis=1).reshape(shape)
    return found


def _read_column(table: Table, name: str, dtype: str) -> Array:
    cells = table.column(name)
    if cells is None:
        raise BadRequest(f"{table.path}: the column {quote(name)} is missing; the header has {table.show_header()}")
    return parse_cells(cells, dtype, lambda row: f"{table.path}: line {table.lines[row]}, column {quote(name)}")


def _shape_in(wanted: TableInput, rows: int) -> tuple[int, ...] | None:
    """Return the shape of so many rows as the input has it, None if it cannot hold them.

    A dimension of size 1 may be left out: a model may take [batch] or [batch, 1], and one without a batch [columns].
    """
    width = len(wanted.columns)
    for shape in ((rows, width), (rows,), (width,), ()):
        if math.prod(shape) == rows * width and fits(shape, wanted.spec.shape):
            return shape
    return None
