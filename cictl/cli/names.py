"""Find the agent, project, pipeline or chain that the user means: an id, a name, or the unique beginning of one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cictl.cli.app.failures import Failure, not_found, usage
from cictl.wire.agents import Agent
from cictl.wire.projects import ChainSummary, PipelineSummary, ProjectSummary
from cictl_client import Client

T = TypeVar("T")

MAX_JOBS = 2000
"""The most that `GET jobs` gives at once (the contract's limit); prefixes are looked up among these."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What can be run: a pipeline or a chain of a project, and perhaps one job of it."""

    project: ProjectSummary
    definition: PipelineSummary | ChainSummary
    job: str = ""

    @property
    def is_chain(self) -> bool:
        return isinstance(self.definition, ChainSummary)

    @property
    def name(self) -> str:
        """The pipeline's or the chain's own name."""
        if isinstance(self.definition, ChainSummary):
            return self.definition.chain_id
        return self.definition.pipeline_id

    @property
    def full_name(self) -> str:
        return f"{self.project.name}/{self.name}" + (f"/{self.job}" if self.job else "")


def choose(text: str, candidates: Sequence[T], *, names: Callable[[T], Sequence[str]], noun: str, listing: str) -> T:
    """Return the one of *candidates* with *text* as a name, or as the beginning of a name.

    Args:
        names: Returns the names of a candidate; messages show the first.
        noun: For messages, such as `agent`.
        listing: The command that lists candidates.

    Raises:
        Failure: None (exit code 5) or several (2).
    """
    exact = [c for c in candidates if text in names(c)]
    found = exact or [c for c in candidates if text and any(name.startswith(text) for name in names(c))]
    if len(found) == 1:
        return found[0]
    if found:
        raise ambiguous(text, [names(c)[0] for c in found], noun)
    raise unknown(text, [name for c in candidates for name in names(c)], noun, listing)


def ambiguous(text: str, names: Sequence[str], noun: str) -> Failure:
    """Return the failure of a text that means several things."""
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return usage(f"{noun} {text!r} is ambiguous: {shown}", hint="type more of the name, or the id")


def unknown(text: str, names: Sequence[str], noun: str, listing: str) -> Failure:
    """Return the failure of a text that means nothing, with what it may have meant."""
    close = difflib.get_close_matches(text, list(dict.fromkeys(names)), n=3, cutoff=0.6)
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    return not_found(f"{noun} {text!r} not found{meant}", hint=f"`{listing}` shows what there is")


def find_agent(client: Client, text: str) -> Agent:
    """Return the agent whose id is *text* or begins with it."""
    return choose(text, client.list_agents(), names=lambda a: (a.agent_id,), noun="agent", listing="cictl agents list")


def find_project(client: Client, text: str) -> ProjectSummary:
    """Return the project with the id or the name *text*; a name wins over an id."""
    projects = client.list_projects()
    if text.isdigit() and text not in [p.name for p in projects]:
        by_id = [p for p in projects if p.id == int(text)]
        if by_id:
            return by_id[0]
    same_name = [p for p in projects if p.name == text]
    if len(same_name) > 1:
        raise ambiguous(text, [f"{p.name} (id {p.id}, {p.repo_ref or p.config_path})" for p in same_name], "project")
    return choose(text, projects, names=lambda p: (p.name,), noun="project", listing="cictl projects list")


def find_target(client: Client, text: str, *, chains: bool = True, pipelines: bool = True) -> Target:
    """Return what *text* names: `PROJECT/PIPELINE[/JOB]`, `PROJECT/CHAIN`, a unique pipeline or chain, a database id."""
    targets = list_targets(client, chains=chains, pipelines=pipelines)
    noun = " or ".join(["pipeline"] * pipelines + ["chain"] * chains)
    listing = f"cictl {'pipelines' if pipelines else 'chains'} list"
    if text.isdigit():
        numbered = [t for t in targets if t.definition.id == int(text)]
        if numbered:
            return _only(numbered, text, noun)
    # From strict to loose, and the first way that finds anything decides: otherwise `build` would be ambiguous for ever
    # beside `build-all`.
    for matches in (_exactly, _by_project_prefix, _by_prefixes):
        found = [t for t in (matches(target, text) for target in targets) if t is not None]
        if found:
            return _with_job(client, _only(found, text, noun))
    of_project = [t.full_name for t in targets if t.project.name == text]
    if of_project:
        raise not_found(f"{text} is a project; name one of its own: {', '.join(of_project)}", hint=listing)
    names = [t.full_name for t in targets] + [t.name for t in targets]
    raise unknown(text, names, noun, listing)


def list_targets(client: Client, *, chains: bool = True, pipelines: bool = True, of_project: str = "") -> list[Target]:
    """Return the pipelines and chains that are wanted, of all projects or of the project *of_project*."""
    targets = []
    for project in [find_project(client, of_project)] if of_project else client.list_projects():
        definitions: list[PipelineSummary | ChainSummary] = []
        if pipelines:
            definitions += project.pipelines
        if chains:
            definitions += project.pipeline_chains
        targets += [Target(project=project, definition=d) for d in definitions]
    return targets


def _only(found: list[Target], text: str, noun: str) -> Target:
    if len(found) == 1:
        return found[0]
    kinds = [f"{t.full_name} ({'chain' if t.is_chain else 'pipeline'} {t.definition.id})" for t in found]
    raise ambiguous(text, kinds, noun)


def _exactly(target: Target, text: str) -> Target | None:
    """Match the whole name, with the project's name or id before it, or alone; a job may follow a full name."""
    if text == target.name:
        return target
    for project in (target.project.name, str(target.project.id)):
        full = f"{project}/{target.name}"
        if text == full:
            return target
        if text.startswith(full + "/") and not target.is_chain:
            return Target(project=target.project, definition=target.definition, job=text.removeprefix(full + "/"))
    return None


def _by_project_prefix(target: Target, text: str) -> Target | None:
    """Match the beginning of the project and the whole second part: `sh/build` finds no `shop/build-all`."""
    return _by_prefixes(target, text) if text.split("/")[1:2] == [target.name] else None


def _by_prefixes(target: Target, text: str) -> Target | None:
    """Match the beginning of each part: `sh/bu/te` finds `shop/build/test`."""
    project, slash, rest = text.partition("/")
    if not slash:
        return target if text and target.name.startswith(text) else None
    name, _, job = rest.partition("/")
    if job and target.is_chain:
        return None
    if project and name and target.project.name.startswith(project) and target.name.startswith(name):
        return Target(project=target.project, definition=target.definition, job=job)
    return None


def _with_job(client: Client, target: Target) -> Target:
    """Complete and check the job's name against the definition."""
    if not target.job:
        return target
    pipelines = client.get_project(target.project.id).pipelines
    jobs = [job.id for p in pipelines if p.pipeline_id == target.name for job in p.jobs]
    listing = f"cictl pipelines show {target.project.name}/{target.name}"
    job = choose(target.job, jobs, names=lambda j: (j,), noun="job", listing=listing)
    return Target(project=target.project, definition=target.definition, job=job)
