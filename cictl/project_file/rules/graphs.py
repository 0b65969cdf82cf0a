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
    """Check that each item of the list at *path*, trimmed, is in *known*, is not *own*, and occurs once.

    Args:
        own: The id of what holds the list.
        noun: What an item names, for messages.
        skip_blank: Blank items were reported already. By default each is a finding.
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
    """Return the ids along a cycle, each before the one that it refers to: `[a, b, a]`. Empty if there is none.

    Args:
        edges: Each id with the ids that it refers to, which are trimmed here. An id that occurs twice has the references
            of both.
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
