"""Matching what a job needs with what an agent offers: the one rule for leasing, eligibility, `explain` and the agent."""

from __future__ import annotations

from collections.abc import Mapping

from cictl.base.versions import SemanticKey, semantic_key

TOOL = "requires.tool."
CONTAINER_TOOL = "requires.container.tool."

_OPERATORS = (">=", "<=", "==", ">", "<", "=")


def meets(requirement: str, value: str, capabilities: Mapping[str, str]) -> bool:
    """Tell whether *capabilities* meet one entry of `required_capabilities`.

    Container tools always pass: only the agent can look into the container. A missing capability equals the empty text.
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
    """Tell whether *capabilities* meet every entry of *required*; nothing required is always met."""
    return all(meets(key, value, capabilities) for key, value in required.items())


def satisfies(constraint: str, version: str) -> bool:
    """Tell whether a tool's *version* satisfies *constraint*, such as `>=1.20`, `1.2.3` or `*`.

    An operator compares numbers, part by part, whatever their count (`10.0.22621.3233` works); a pre-release sorts below
    its release. A bare text must be equal. A blank version satisfies nothing, a blank constraint and `*` everything else.
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
