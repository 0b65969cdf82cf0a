"""The members of a chain, and which of them wait for which."""

from __future__ import annotations

import msgspec

from cictl.project_file import Pipeline
from cictl_server.errors import InvalidRequest
from cictl_server.services.pipelines.dependencies import declared_dependencies
from cictl_server.store.contract import View
from cictl_server.store.records.projects import ChainRecord


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One pipeline of a chain, and the members that it waits for."""

    pipeline: Pipeline
    waits_for: list[str]


def chain_members(view: View, chain: ChainRecord) -> list[Member]:
    """Return the members in the order of the list.

    A member waits for those of its `depends_on` that are in the chain. If there are none, it waits for the member before
    it, unless that one waits for it, directly or not: then both would wait for ever.

    Raises:
        InvalidRequest: The chain is empty, or names a pipeline that is gone.
    """
    known = {record.definition.id: record.definition for record in view.pipelines.of_project(chain.project_id)}
    if not chain.pipelines:
        raise InvalidRequest("pipeline chain has no pipelines")
    for name in chain.pipelines:
        if name not in known:
            raise InvalidRequest(f'load pipeline "{name}" in chain "{chain.chain_id}": pipeline not found')
    edges = {name: declared_dependencies(known[name], chain.pipelines) for name in chain.pipelines}
    for before, name in zip(chain.pipelines, chain.pipelines[1:], strict=False):
        if not edges[name] and name not in _upstream(edges, before):
            edges[name] = [before]
    return [Member(pipeline=known[name], waits_for=edges[name]) for name in _in_order(chain.pipelines, edges)]


def _upstream(edges: dict[str, list[str]], name: str) -> set[str]:
    """Return everything that *name* waits for, directly or not."""
    found: set[str] = set()
    left = list(edges[name])
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left += edges[one]
    return found


def _in_order(names: list[str], edges: dict[str, list[str]]) -> list[str]:
    """Return *names* in their own order, but each after those that it waits for."""
    ordered: list[str] = []
    left = list(names)
    while left:
        ready = next(name for name in left if all(e in ordered for e in edges[name]))
        ordered.append(ready)
        left.remove(ready)
    return ordered
