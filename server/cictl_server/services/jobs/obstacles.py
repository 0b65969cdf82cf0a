"""Why an agent does not take an execution, and what would change that: the part of `explain` about agents."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from cictl.base.constraints import parts_of
from cictl.base.names.labels import is_fact
from cictl.wire.waiting.explain import AgentFit, Fix, Reason, UnmetRequirement
from cictl.wire.waiting.requirements import CONTAINER_TOOL, PRESENT, TOOL, meets
from cictl_server.services.fleet.matching import effective_capabilities
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.fleet.wanted_tools import ToolList
from cictl_server.services.history.lookup import short_id
from cictl_server.store.contract import View
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.jobs import JobRecord

_FIXED_TOOLS = "; it looks only for tools that it knows: if that does not help, start another agent"
_MOST_OFFERS = 4
"""How many other values of a label a sentence names."""

_SENTENCES = {
    Reason.AGENT_OFFLINE: "is offline",
    Reason.AGENT_DEACTIVATED: "is deactivated",
    Reason.AGENT_DRAINING: "drains: {drain_reason}",
    Reason.AGENT_BUSY: "is busy with {busy_with}",
    Reason.HOST_LOCKED: "must wait: {lock_holder} has the lock {lock} on its host",
}


_SWITCHED_OFF = (Reason.AGENT_DEACTIVATED, Reason.AGENT_DRAINING)


FindTaken = Callable[[AgentRecord], tuple[str, JobRecord] | None]


def nearest_first(
    job: JobRecord, view: View, presence: PresenceBook, tools: ToolList, find_taken: FindTaken
) -> list[AgentFit]:
    """Return how each known agent fits *job*, the nearest first, as `Explanation.agents` describes it.

    Args:
        tools: What agents are asked to look for.
        find_taken: Returns a lock of *job* that is taken on the host of an agent, and who has it.
    """
    records = [record for record in view.agents.iter_all() if pinned_to(job) in ("", record.agent_id)]
    return sorted((_fit(job, record, view, presence, tools, find_taken) for record in records), key=_distance)


def pinned_to(job: JobRecord) -> str:
    """Return the only agent that may take *job*, empty when any may."""
    return job.required_capabilities.get("agent_id", "")


def command(*words: str) -> str:
    """Return a cictl command to paste into a shell. Its words are quoted: ids come from agents."""
    return shlex.join(["cictl", *words])


def new_agent(job: JobRecord) -> str:
    """Return the command that starts an agent with the id and the labels that *job* requires."""
    words = ["--id", pinned] if (pinned := pinned_to(job)) else []
    for key, value in sorted(job.required_capabilities.items()):
        if not is_fact(key):
            words += ["--label", f"{key}={value}"]
    return command("run-agent", *words)


def obstacle(agent: AgentFit) -> Reason:
    """Return what keeps *agent* from taking the execution, READY when nothing does."""
    if agent.unmet:
        return Reason.UNMET_REQUIREMENTS
    if agent.offline:
        return Reason.AGENT_OFFLINE
    if agent.deactivated:
        return Reason.AGENT_DEACTIVATED
    if agent.draining:
        return Reason.AGENT_DRAINING
    if agent.busy_with:
        return Reason.AGENT_BUSY
    return Reason.HOST_LOCKED if agent.lock else Reason.READY


def sentence(agents: list[AgentFit]) -> str:
    """Return why none of *agents* has taken the execution.

    Args:
        agents: At least one, the nearest first. The execution itself must not be blocked.
    """
    nearest = agents[0]
    reason = obstacle(nearest)
    if reason is Reason.UNMET_REQUIREMENTS:
        return _lacking(agents)
    if reason is Reason.READY:
        return f"agent {nearest.agent_id} fits and is free: it takes the job with one of its next requests"
    state = _state(nearest)
    fitting = sum(not agent.unmet for agent in agents)
    if fitting == 1:
        return f"agent {nearest.agent_id} fits, but {state}"
    idle = "".join(f"; {agent.agent_id} {_state(agent)}" for agent in switched_off(agents)[:_MOST_OFFERS])
    return f"{fitting} agents fit, but none is free: {nearest.agent_id} {state}{idle}"


def _state(agent: AgentFit) -> str:
    """Return as words what keeps *agent*, which has what the execution needs, from taking it."""
    return _SENTENCES[obstacle(agent)].format(
        busy_with=agent.busy_with_short_id,
        drain_reason=agent.drain_reason,
        lock=agent.lock,
        lock_holder=agent.lock_holder_short_id,
    )


def switched_off(agents: list[AgentFit]) -> list[AgentFit]:
    """Return the agents that could take the execution at once if they were activated, where the nearest is only busy."""
    if obstacle(agents[0]) is not Reason.AGENT_BUSY:
        return []
    return [agent for agent in agents if obstacle(agent) in _SWITCHED_OFF and not agent.busy_with]


def fixes_for(agents: list[AgentFit], job: JobRecord) -> Iterator[Fix]:
    """Yield what lets an agent take *job*: activating one that was switched off, or else what helps the nearest.

    Args:
        agents: At least one, the nearest first.
    """
    off = switched_off(agents)
    for agent in off[:_MOST_OFFERS]:
        yield _activation(agent)
    if off:
        busy_with = agents[0].busy_with_short_id
        yield Fix(text=f"or wait for {busy_with}", command=command("jobs", "watch", busy_with))
    else:
        yield from _nearest_fixes(agents[0], job)


def _nearest_fixes(agent: AgentFit, job: JobRecord) -> Iterator[Fix]:
    """Yield the steps that together let *agent* take *job*.

    If it lacks something that no installation adds, such as another operating system, name the agent to start instead.
    """
    if any(not _is_installable(unmet) for unmet in agent.unmet):
        yield Fix(text=f"start an agent that has {_wishes(job)}", command=new_agent(job))
        return
    if any(unmet.asked for unmet in agent.unmet):
        yield Fix(text="look again in some seconds", command=command("jobs", "explain", short_id(job)))
    tools = [_tool_text(unmet.requirement.removeprefix(TOOL), unmet.want) for unmet in agent.unmet if not unmet.asked]
    if tools:
        may_be_in_vain = agent.fixed_tools and not all(unmet.have for unmet in agent.unmet)
        yield Fix(
            text=f"install {' and '.join(tools)} on {agent.agent_id}, then let it look again"
            + (_FIXED_TOOLS if may_be_in_vain else ""),
            command=command("agents", "refresh-tools", agent.agent_id),
        )
    if agent.offline:
        place = f" on {agent.hostname}" if agent.hostname else ""
        yield Fix(
            text=f"start agent {agent.agent_id} again{place}", command=command("run-agent", "--id", agent.agent_id)
        )
    if agent.deactivated or agent.draining:
        yield _activation(agent)
    if agent.busy_with:
        busy_with = agent.busy_with_short_id
        yield Fix(text=f"wait for {busy_with}, or add an agent", command=command("jobs", "watch", busy_with))
    elif agent.lock:
        holder = agent.lock_holder_short_id
        yield Fix(text=f"wait for {holder}, or add an agent on another host", command=command("jobs", "watch", holder))


def _activation(agent: AgentFit) -> Fix:
    return Fix(text=f"activate agent {agent.agent_id}", command=command("agents", "activate", agent.agent_id))


def _lacking(agents: list[AgentFit]) -> str:
    """Return what the nearest of *agents* lacks; of a label that all of them lack, what they offer instead."""
    nearest = agents[0]
    if all(unmet.asked for unmet in nearest.unmet):
        tools = _listed(_tool_text(unmet.requirement.removeprefix(TOOL), unmet.want) for unmet in nearest.unmet)
        return f"agents are being asked whether they have {tools}; {nearest.agent_id} answers within some seconds"
    nowhere = [unmet for unmet in nearest.unmet if not is_fact(unmet.requirement) and _all_lack(agents, unmet)]
    sentences = [_no_label(unmet, agents) for unmet in nowhere]
    if lacks := "; ".join(unmet.text for unmet in nearest.unmet if unmet not in nowhere):
        if len(agents) == 1:
            sentences.append(f"agent {nearest.agent_id} lacks something: {lacks}")
        else:
            sentences.append(
                f"none of the {len(agents)} agents has all that it needs; {nearest.agent_id} comes nearest: {lacks}"
            )
    return "; ".join(sentences)


def _all_lack(agents: list[AgentFit], unmet: UnmetRequirement) -> bool:
    return all(any(other.requirement == unmet.requirement for other in agent.unmet) for agent in agents)


def _no_label(unmet: UnmetRequirement, agents: list[AgentFit]) -> str:
    key = unmet.requirement
    offers = sorted(
        {other.have for agent in agents for other in agent.unmet if other.requirement == key and other.have}
    )
    text = f"no agent has label {key}={unmet.want}"
    if not offers:
        return text
    shown = ", ".join(f"{key}={have}" for have in offers[:_MOST_OFFERS])
    return f"{text}; agents offer {shown}" + (" and others" if len(offers) > _MOST_OFFERS else "")


def _fit(
    job: JobRecord, record: AgentRecord, view: View, presence: PresenceBook, tools: ToolList, find_taken: FindTaken
) -> AgentFit:
    lock, holder = find_taken(record) or ("", None)
    capabilities = effective_capabilities(record, agent_id=record.agent_id)
    asked = tools.names if presence.is_asked(record.agent_id, tools.id) else ()
    held = view.jobs.active_of_agent(record.agent_id)
    # An agent that drains begins nothing before what it runs is over.
    is_busy = bool(held) and (len(held) >= record.slots or presence.is_draining(record.agent_id))
    return AgentFit(
        agent_id=record.agent_id,
        hostname=record.hostname,
        last_seen_utc=presence.seen_at(record.agent_id) or record.seen,
        offline=not presence.is_available(record.agent_id),
        deactivated=record.deactivated,
        draining=bool(record.drain_reason),
        drain_reason=record.drain_reason,
        busy_with=held[0].id if is_busy else "",
        busy_with_short_id=short_id(held[0]) if is_busy else "",
        lock=lock,
        lock_holder=holder.id if holder else "",
        lock_holder_short_id=short_id(holder) if holder else "",
        fixed_tools=presence.has_fixed_tools(record.agent_id),
        unmet=list(_unmet(job.required_capabilities, capabilities, asked)),
    )


def _unmet(
    required: Mapping[str, str], capabilities: Mapping[str, str], asked: Collection[str]
) -> Iterator[UnmetRequirement]:
    """Yield what *capabilities* lack; of tools that the agent is *asked* about, that it is not known yet."""
    for key, want in sorted(required.items()):
        if not meets(key, want, capabilities):
            have = capabilities.get(_capability(key), "").strip()
            is_asked = not have and key.startswith(TOOL) and key.removeprefix(TOOL) in asked
            text = _asking(key, want) if is_asked else _text(key, want, have) + _hint(key, have, capabilities)
            yield UnmetRequirement(requirement=key, want=want, have=have, text=text, asked=is_asked)


def _hint(requirement: str, have: str, capabilities: Mapping[str, str]) -> str:
    """Return in brackets the capability whose name differs in case alone from the one that is lacking, if there is one."""
    name = _capability(requirement)
    alike = (other for other in capabilities if other != name and other.casefold() == name.casefold())
    return "" if have or not (other := next(alike, "")) else f" (it has {other.removeprefix('tool.')})"


def _asking(requirement: str, want: str) -> str:
    return f"{_tool_text(requirement.removeprefix(TOOL), want)} is being asked for"


def _capability(requirement: str) -> str:
    """Return the capability that *requirement* is matched against."""
    if requirement.startswith(TOOL):
        return "tool." + requirement.removeprefix(TOOL)
    return "shells" if requirement == "shell" else requirement


def _text(key: str, want: str, have: str) -> str:
    if key.startswith(TOOL):
        tool = key.removeprefix(TOOL)
        constraint = _spaced(want)
        wants = f", wants {constraint}" if constraint else ""
        if have == PRESENT:
            return f"{tool} tells no version{wants}"
        return f"{tool} is {have}{wants}" if have else f"{tool} is missing{wants}"
    if key == "shell":
        return f"shells are {have}, wants {want}" if have else f"no shell, wants {want}"
    if not is_fact(key):
        return f"label {key} is {have}, wants {want}" if have else f"no label {key}={want}"
    return f"{key} is {have}, wants {want}" if have else f"no {key}, wants {want}"


def _tool_text(tool: str, constraint: str) -> str:
    return f"{tool} {_spaced(constraint)}".strip()


def _spaced(constraint: str) -> str:
    """Return `>=1.22,<2` as `>= 1.22, < 2`, and an empty text for `*`."""
    texts = (f"{part.operator} {part.version}".strip() for part in parts_of(constraint))
    return ", ".join(text for text in texts if text not in ("", "*"))


def _wishes(job: JobRecord) -> str:
    """Return what *job* requires of the host, as one phrase."""
    required = sorted(job.required_capabilities.items())
    wishes = [f"{key}={value}" for key, value in required if not key.startswith((TOOL, CONTAINER_TOOL))]
    wishes += [_tool_text(key.removeprefix(TOOL), value) for key, value in required if key.startswith(TOOL)]
    return _listed(wishes)


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _is_installable(unmet: UnmetRequirement) -> bool:
    return unmet.requirement.startswith(TOOL)


def _distance(agent: AgentFit) -> tuple[int, int, int, str]:
    fixed = sum(not _is_installable(unmet) for unmet in agent.unmet)
    is_off = agent.deactivated or agent.draining
    away = bool(agent.lock) + 2 * bool(agent.busy_with) + 4 * is_off + 6 * agent.offline
    return fixed, sum(not unmet.asked for unmet in agent.unmet), away, agent.agent_id
