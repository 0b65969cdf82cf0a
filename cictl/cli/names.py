"""Find the agent, project, pipeline or chain that the user means: an id, a name, or the unique beginning of one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from cictl.base.urls import without_login
from cictl.cli.app.failures import Failure, not_found, usage
from cictl.wire.agents import Agent
from cictl.wire.projects import ChainSummary, PipelineSummary, ProjectSummary
from cictl_client import Client

T = TypeVar("T")

MAX_JOBS = 2000
"""The most that `GET jobs` gives at once (the contract's limit); prefixes are looked up among these."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What can be run: a pipeline or a chain of a project, and perhaps one job of it.

    Attributes:
        namesakes: The other projects of the same name: only an id tells this one from them.
    """

    project: ProjectSummary
    definition: PipelineSummary | ChainSummary
    job: str = ""
    namesakes: tuple[ProjectSummary, ...] = ()

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

    @property
    def project_filter(self) -> str:
        """What narrows a list of jobs to the project: its name, which jobs of its deleted forerunners bear too, or its id."""
        return str(self.project.id) if self.namesakes else self.project.name


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
    """Return the project with the id or the name *text*, or whose name begins so.

    Raises:
        Failure: There is none (exit code 5), or several that are called so, even if one of them by its id (2).
    """
    projects = client.list_projects()
    found = projects_called(projects, text) or [p for p in projects if text and p.name.startswith(text)]
    if len(found) > 1:
        raise _shared(text, found)
    if not found:
        raise unknown(text, [p.name for p in projects], "project", "cictl projects list")
    return found[0]


def projects_called(projects: Sequence[ProjectSummary], text: str) -> list[ProjectSummary]:
    """Return the one project that has *text* as its name or id, as a list; an empty one if none has.

    Raises:
        Failure: Several have. Whoever imports a project chooses its name, so a name alone must not decide between them.
    """
    found = [p for p in projects if text in (p.name, str(p.id))]
    if len(found) > 1:
        raise _shared(text, found)
    return found


def _shared(text: str, projects: Sequence[ProjectSummary]) -> Failure:
    shown = [
        f"{p.name} (id {p.id}, {without_login(p.repo_url)}{f'@{p.repo_ref}' if p.repo_ref else ''})" for p in projects
    ]
    return ambiguous(text, shown, "project")


def find_target(client: Client, text: str, *, chains: bool = True, pipelines: bool = True) -> Target:
    """Return what *text* names: `PROJECT/PIPELINE[/JOB]`, `PROJECT/CHAIN`, a unique pipeline or chain, a database id.

    PROJECT may be the id of a project, and has to be where several have its name.
    """
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
            _check_one_project(targets, found, text)
            return _with_job(client, _only(found, text, noun))
    of_project = [t.full_name for t in targets if t.project.name == text]
    if of_project:
        raise not_found(f"{text} is a project; name one of its own: {', '.join(of_project)}", hint=listing)
    names = [t.full_name for t in targets] + [t.name for t in targets]
    raise unknown(text, names, noun, listing)


def list_targets(client: Client, *, chains: bool = True, pipelines: bool = True, of_project: str = "") -> list[Target]:
    """Return the pipelines and chains that are wanted, of all projects or of the project *of_project*."""
    targets = []
    projects = client.list_projects()
    for project in [find_project(client, of_project)] if of_project else projects:
        definitions: list[PipelineSummary | ChainSummary] = []
        if pipelines:
            definitions += project.pipelines
        if chains:
            definitions += project.pipeline_chains
        namesakes = tuple(p for p in projects if p.name == project.name and p.id != project.id)
        targets += [Target(project=project, definition=d, namesakes=namesakes) for d in definitions]
    return targets


def _check_one_project(targets: list[Target], found: list[Target], text: str) -> None:
    """Check that the project before the slash is one, even where only one of its namesakes has such a pipeline or chain.

    Raises:
        Failure: It is not.
    """
    if "/" not in text:
        return
    for target in found:
        if target.namesakes and not text.startswith(f"{target.project.id}/"):
            raise _shared(target.project.name, [target.project, *target.namesakes])
    projects = {target.project.id: target.project for target in targets}
    projects_called(list(projects.values()), text.partition("/")[0])


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
            return replace(target, job=text.removeprefix(full + "/"))
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
        return replace(target, job=job)
    return None


def _with_job(client: Client, target: Target) -> Target:
    """Complete and check the job's name against the definition."""
    if not target.job:
        return target
    pipelines = client.get_project(target.project.id).pipelines
    jobs = [job.id for p in pipelines if p.pipeline_id == target.name for job in p.jobs]
    listing = f"cictl pipelines show {target.project.name}/{target.name}"
    job = choose(target.job, jobs, names=lambda j: (j,), noun="job", listing=listing)
    return replace(target, job=job)
