"""Match what a job needs with what an agent offers. Leasing, eligibility, `explain` and the agent share this rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cictl.base.constraints import Part, parts_of
from cictl.base.versions import SemanticKey, semantic_key

TOOL = "requires.tool."
CONTAINER_TOOL = "requires.container.tool."
SHELL = "requires.shell."
"""Requires a shell besides that of the job, for steps that name it."""
PRESENT = "1"
"""What an agent offers for a tool that is there and tells no version, and for a feature that it has."""


def meets(requirement: str, value: str, capabilities: Mapping[str, str]) -> bool:
    """Tell whether *capabilities* meet one entry of `required_capabilities`.

    A container tool is always met here: only the agent can look into the container. A missing capability counts as an
    empty text.
    """
    if requirement.startswith(CONTAINER_TOOL):
        return True
    if requirement.startswith(TOOL):
        return satisfies(value, capabilities.get("tool." + requirement.removeprefix(TOOL), ""))
    if requirement == "shell" or requirement.startswith(SHELL):
        shell = (value if requirement == "shell" else requirement.removeprefix(SHELL)).strip().casefold()
        return not shell or shell in {s.strip().casefold() for s in capabilities.get("shells", "").split(",")}
    return capabilities.get(requirement, "") == value


def meets_all(required: Mapping[str, str], capabilities: Mapping[str, str]) -> bool:
    """Tell whether *capabilities* meet every entry of *required*. An empty *required* is met."""
    return all(meets(key, value, capabilities) for key, value in required.items())


def required_tools(required: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the tools that *required* asks of an agent's own machine."""
    return (key.removeprefix(TOOL) for key in required if key.startswith(TOOL))


def satisfies(constraint: str, version: str) -> bool:
    """Tell whether a tool's *version* satisfies *constraint*, such as `>=1.20`, `>=2,<3`, `1.2.3` or `*`.

    Of several parts, joined by commas, each must hold. After an operator, numbers are compared part by part, however many there are (`10.0.22621.3233`). A pre-release sorts
    below its release. Without an operator the texts must be equal. A blank constraint and `*` accept every version but a
    blank one, which satisfies nothing.
    """
    version = version.strip()
    return bool(version) and all(_holds(part, version) for part in parts_of(constraint))


def for_older_agents(required: Mapping[str, str]) -> dict[str, str]:
    """Return *required* with tool constraints of one part, as the reference and agents before ranges read them.

    An agent checks them again before it begins, and would fail an execution over a constraint that it can't read. The
    server has matched all parts by then.
    """
    return {key: _first(value) if key.startswith((TOOL, CONTAINER_TOOL)) else value for key, value in required.items()}


def _first(constraint: str) -> str:
    parts = parts_of(constraint)
    if len(parts) == 1 and parts[0].operator != "!=":
        return constraint
    return next((part.operator + part.version for part in parts if part.operator not in ("", "!=")), "*")


def _holds(part: Part, version: str) -> bool:
    operator, wanted = part
    if not operator:
        return wanted in ("", "*", version)
    return not wanted or _compares(operator, semantic_key(version), semantic_key(wanted), same_text=version == wanted)


def _compares(operator: str, have: SemanticKey | None, want: SemanticKey | None, *, same_text: bool) -> bool:
    if have is None or want is None:
        return same_text if operator in ("=", "==") else operator == "!=" and not same_text
    match operator:
        case ">=":
            return have >= want
        case "<=":
            return have <= want
        case ">":
            return have > want
        case "<":
            return have < want
        case "!=":
            return have != want
        case _:
            return have == want
