"""The rules of a matrix."""

from cictl.project_file.findings import quote
from cictl.project_file.matrix import MAX_EXCLUSIONS, NAME, rows_of
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.schema import MatrixShape
from cictl.project_file.source.structure import join_key


def check_matrix(matrix: MatrixShape, path: str, collector: Collector) -> None:
    """Check the matrix at *path*."""
    if matrix.max_parallel is not None and matrix.max_parallel < 1:
        collector.add(f"{path}.max_parallel", "must be >= 1; without it all rows may run at once")
    for axis, values in matrix.axes.items():
        _check_axis(axis, values, join_key(f"{path}.axes", axis), collector)
    for index, exclusion in enumerate(matrix.exclude):
        _check_exclusion(exclusion, f"{path}.exclude[{index}]", matrix, collector)
    if len(matrix.exclude) > MAX_EXCLUSIONS:
        collector.add(f"{path}.exclude", f"has {len(matrix.exclude)} items; at most {MAX_EXCLUSIONS} are allowed")
    elif matrix.axes and all(matrix.axes.values()) and all(matrix.exclude) and not rows_of(matrix):
        collector.add(f"{path}.exclude", "leaves no row")


def _check_axis(axis: str, values: list[str], path: str, collector: Collector) -> None:
    if is_blank(axis):
        collector.say_key(path, f"{path} must have a name")
    if axis == NAME:
        collector.say_key(path, f"{path} can't be an axis: name is what a row is called")
    if not values:
        collector.add(path, "must contain at least one value")
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            collector.add(f"{path}[{index}]", f"duplicate {quote(value)}")
        seen.add(value)


def _check_exclusion(exclusion: dict[str, str], path: str, matrix: MatrixShape, collector: Collector) -> None:
    if not matrix.axes:
        collector.add(path, "needs axes, of whose combinations it leaves some out")
        return
    if not exclusion:
        collector.add(path, "must name at least one axis")
    for axis, value in exclusion.items():
        where = join_key(path, axis)
        if axis not in matrix.axes:
            collector.say_key(where, f"{where} is no axis; they are {', '.join(matrix.axes)}")
        elif value not in matrix.axes[axis]:
            collector.add(where, f"excludes {quote(value)}, which is no value of the axis")
