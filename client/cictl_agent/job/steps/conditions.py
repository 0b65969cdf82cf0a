"""Whether a step is due: its `if`, of which the plan has left what only the agent knows."""

from __future__ import annotations

from collections.abc import Mapping

from cictl.expressions import ExpressionError, holds, names, parse

_ENVIRONMENT = "env."


def is_due(condition: str, environment: Mapping[str, str], *, has_failed: bool) -> bool:
    """Tell whether a step with this condition runs.

    Args:
        condition: Empty for `success()`.
        environment: What `env.NAME` looks up; a name that is not there is an empty text.
        has_failed: Whether a step before it has failed.

    Raises:
        ExpressionError: It is no condition, or has a name that only the server knows.
    """
    for name in names(parse(condition)) if condition else []:
        if not name.name.startswith(_ENVIRONMENT):
            raise ExpressionError(name.column, f"the agent does not know {name.name}; it knows env.NAME")
    return holds(condition, lambda name: environment.get(name.removeprefix(_ENVIRONMENT), ""), has_failed=has_failed)
