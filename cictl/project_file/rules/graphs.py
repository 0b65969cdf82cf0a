"""References by id and the graphs they form."""

import graphlib
from collections.abc import Collection, Iterable

from cictl.project_file.findings import quote
from cictl.project_file.rules.collector import Collector


def check_references(
    items: list[str],
    path: str,
    collector: Collector,
    *,
    own: str,
    known: Collection[str],
    noun: str,
    skip_blank: bool = False,
) -> None:
    """Check each trimmed item of the list at *path*: not *own*, among *known*, and there once only.

    Args:
        skip_blank: Pass over blank items, which were reported before; else each is a finding.
    """
    seen: set[str] = set()
    for index, item in enumerate(items):
        where, target = f"{path}[{index}]", item.strip()
        if not target:
            if not skip_blank:
                collector.add(where, "must not be empty")
        elif target == own:
            collector.add(where, "must not reference itself")
        elif target not in known:
            collector.add(where, f"references unknown {noun} {quote(target)}")
        elif target in seen:
            collector.add(where, f"duplicate {quote(target)}")
        seen.add(target)


def find_cycle(edges: Iterable[tuple[str, list[str]]]) -> list[str]:
    """Return the ids along one cycle, first and last the same, each before what it refers to; empty without cycle.

    Args:
        edges: Each id with the (untrimmed) ids it refers to; an id that occurs twice has the references of both.
    """
    graph: dict[str, list[str]] = {}
    for source, targets in edges:
        graph.setdefault(source, []).extend(target.strip() for target in targets)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle[::-1]
    return []
