"""The rows of a matrix: all combinations of its axes but those that are excluded, then what is included."""

from itertools import product
from math import prod

from cictl.project_file.schema import MatrixShape

MAX_COMBINATIONS = 10_000
"""How many combinations the axes of all matrices of a file may have: few lines could stand for millions."""
MAX_EXCLUSIONS = 200
"""How many items `exclude` of one matrix may have, since each is compared with each combination."""

NAME = "name"
"""The variable that holds the name of a row."""


def combinations(matrix: MatrixShape) -> int:
    """Return how many combinations the axes have, the excluded ones too; 0 without axes."""
    return prod(len(values) for values in matrix.axes.values()) if matrix.axes else 0


def rows_of(matrix: MatrixShape) -> list[dict[str, str]]:
    """Return the variables of each row.

    A row of the axes has the name of its values, joined by `-` in the order of the axes. An included row that has a value for
    each axis and no name gets one in the same way.
    """
    if not matrix.axes:
        return list(matrix.include)
    return [_named(row, matrix) for row in (*_of_axes(matrix), *matrix.include)]


def _of_axes(matrix: MatrixShape) -> list[dict[str, str]]:
    rows = (dict(zip(matrix.axes, values, strict=True)) for values in product(*matrix.axes.values()))
    return [row for row in rows if not any(exclusion.items() <= row.items() for exclusion in matrix.exclude)]


def _named(row: dict[str, str], matrix: MatrixShape) -> dict[str, str]:
    if NAME in row or not matrix.axes.keys() <= row.keys():
        return row
    return {NAME: "-".join(row[axis] for axis in matrix.axes), **row}
