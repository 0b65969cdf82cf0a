"""The tools that a job requires. Names and constraints may have variables of its matrix: each row has tools of its own."""

from collections.abc import Mapping

from cictl.project_file.templates import render


def tools_of_row(tools: Mapping[str, str], row: Mapping[str, str]) -> dict[str, str]:
    """Return *tools*, constraints by names, with the variables of *row* in both."""
    return {render(name, row): render(constraint, row) for name, constraint in tools.items()}
