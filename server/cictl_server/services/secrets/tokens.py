"""The token of an automatic version bump in a step plan: whether it is a literal secret, and how to hide it."""

from __future__ import annotations

import re

from msgspec.structs import replace

from cictl.project_file import secret_names
from cictl.wire.jobs import Step

BUMP_STEP = "auto bump"
"""The name of the step that raises the version."""

BUMP_TOKEN = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable
"""The variable of that step that holds the token."""

_PLACEHOLDER = re.compile(r"\s*\{\{\s*secret\.[A-Za-z0-9_-]+\s*\}\}\s*")


def visible_token(token: str) -> str:
    """Return *token* if it only names a secret, such as `{{ secret.github }}`, and `***` for a literal one."""
    return token if not token or _PLACEHOLDER.fullmatch(token) else "***"


def literal_token(step_plan: list[Step]) -> str:
    """Return the literal token of the automatic bump; empty if the plan only names a secret, or has no bump."""
    if not step_plan or step_plan[-1].name != BUMP_STEP:
        return ""
    token = step_plan[-1].env.get(BUMP_TOKEN, "")
    return "" if secret_names(token) else token


def without_token(step_plan: list[Step]) -> list[Step]:
    """Return the plan to show: a literal token of the automatic bump is hidden."""
    if not step_plan or step_plan[-1].name != BUMP_STEP:
        return step_plan
    *others, bump = step_plan
    env = {key: visible_token(value) if key == BUMP_TOKEN else value for key, value in bump.env.items()}
    return [*others, replace(bump, env=env)]
