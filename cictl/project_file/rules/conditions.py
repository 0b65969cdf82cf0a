"""The rules of `if`."""

import difflib
from collections.abc import Collection

from cictl.expressions import ExpressionError, asks_for_status, names, parse
from cictl.expressions.tree import Comparison, walk
from cictl.project_file.rules.collector import Collector, is_blank


def check_condition(text: str, path: str, known: Collection[str], collector: Collector) -> None:
    """Check the condition at *path*. A blank one is absent.

    Args:
        known: The names that it may use.
    """
    if is_blank(text):
        return
    try:
        tree = parse(text.strip())
    except ExpressionError as error:
        collector.add(path, f"is no condition: {error}")
        return
    for name in names(tree):
        if name.name not in known:
            collector.add(path, f"column {name.column}: {_unknown(name.name, known)}")
    for node in walk(tree):
        if isinstance(node, Comparison) and asks_for_status(node):
            collector.add(
                path, f"column {node.column}: success() and its kin can't be compared; join them with and, or"
            )


def _unknown(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    hint = f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(sorted(known))}"
    return f"nothing has the name {name}; {hint}"
