"""The concurrency groups of a run and of its executions, as they are pinned when it starts."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from cictl.base.job_parts import LONGEST_GROUP, ConcurrencySpec
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
    name = render(declared.group, values).strip()
    if len(name) > LONGEST_GROUP:
        raise InvalidRequest(
            f"the concurrency group of {whose} has {len(name)} characters; {LONGEST_GROUP} are allowed",
            hint="shorten what its templates stand for, such as an input",
        )
    return replace(declared, group=name) if name else None
