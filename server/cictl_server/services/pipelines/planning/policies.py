"""Concurrency groups and locks, whose names are pinned when a run starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from cictl.base.job_parts import LONGEST_GROUP, LONGEST_LOCK, ConcurrencySpec
from cictl.project_file import render
from cictl_server.errors import InvalidRequest


def pinned_group(declared: ConcurrencySpec | None, values: Mapping[str, str], *, whose: str) -> ConcurrencySpec | None:
    """Return *declared* with the templates of its name replaced; None if the name is empty then.

    Args:
        whose: Whose group it is, for people.

    Raises:
        InvalidRequest: The name gets longer than `LONGEST_GROUP`.
    """
    if declared is None:
        return None
    name = _pinned_name(declared.group, values, what=f"the concurrency group of {whose}", longest=LONGEST_GROUP)
    return replace(declared, group=name) if name else None


def pinned_locks(declared: Iterable[str], values: Mapping[str, str], *, whose: str) -> list[str]:
    """Return the locks with the templates of their names replaced, each once and sorted, without empty ones.

    Raises:
        InvalidRequest: A name gets longer than `LONGEST_LOCK`.
    """
    what = f"a lock of {whose}"
    names = {_pinned_name(template, values, what=what, longest=LONGEST_LOCK) for template in declared}
    return sorted(filter(None, names))


def _pinned_name(template: str, values: Mapping[str, str], *, what: str, longest: int) -> str:
    name = render(template, values).strip()
    if len(name) > longest:
        raise InvalidRequest(
            f"{what} has {len(name)} characters; {longest} are allowed",
            hint="shorten what its templates stand for, such as an input",
        )
    return name
