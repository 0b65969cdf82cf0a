"""Match what a job needs with what an agent offers. Leasing, eligibility, `explain` and the agent share this rule."""

from __future__ import annotations

from collections.abc import Mapping

from cictl.base.versions import SemanticKey, semantic_key

TOOL = "requires.tool."
CONTAINER_TOOL = "requires.container.tool."

_OPERATORS = (">=", "<=", "==", ">", "<", "=")


def meets(requirement: str, value: str, capabilities: Mapping[str, str]) -> bool:
    """Tell whether *capabilities* meet one entry of `required_capabilities`.

    A container tool is always met here: only the agent can look into the container. A missing capability counts as an
    empty text.
    """
    if requirement.startswith(CONTAINER_TOOL):
        return True
    if requirement.startswith(TOOL):
        return satisfies(value, capabilities.get("tool." + requirement.removeprefix(TOOL), ""))
    if requirement == "shell":
        shells = {s.strip().casefold() for s in capabilities.get("shells", "").split(",")}
        return not value.strip() or value.strip().casefold() in shells
    return capabilities.get(requirement, "") == value


def meets_all(required: Mapping[str, str], capabilities: Mapping[str, str]) -> bool:
    """Tell whether *capabilities* meet every entry of *required*. An empty *required* is met."""
    return all(meets(key, value, capabilities) for key, value in required.items())


def satisfies(constraint: str, version: str) -> bool:
    """Tell whether a tool's *version* satisfies *constraint*, such as `>=1.20`, `1.2.3` or `*`.

    After an operator, numbers are compared part by part, however many there are (`10.0.22621.3233`). A pre-release sorts
    below its release. Without an operator the texts must be equal. A blank constraint and `*` accept every version but a
    blank one, which satisfies nothing.
    """
    constraint, version = constraint.strip(), version.strip()
    if not version:
        return False
    if constraint in ("", "*"):
        return True
    operator = next((o for o in _OPERATORS if constraint.startswith(o)), None)
    if operator is None:
        return constraint == version
    wanted = constraint.removeprefix(operator).strip()
    return not wanted or _compares(operator, semantic_key(version), semantic_key(wanted), same_text=version == wanted)


def _compares(operator: str, have: SemanticKey | None, want: SemanticKey | None, *, same_text: bool) -> bool:
    if have is None or want is None:
        return operator in ("=", "==") and same_text
    match operator:
        case ">=":
            return have >= want
        case "<=":
            return have <= want
        case ">":
            return have > want
        case "<":
            return have < want
        case _:
            return have == want
