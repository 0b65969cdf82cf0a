"""The names that exist, for completion in shells: each on a line, a tab, and what tells it apart.

A key was pressed and somebody waits: what is not known in time is left out, and nothing is ever said about it. Only what
is needed is loaded, and of the server's answers only the names are read.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import pairwise

from cictl.base.clock import utc_now
from cictl.base.text.plain import plain
from cictl.wire.metadata import JobMetadata

BUDGET_SECONDS = 0.3
"""For all that the server is asked, unless CICTL_COMPLETION_SECONDS says how long."""

MAX_JOBS = 100

Name = tuple[str, str]
"""What is typed, and a few words about it."""


def answer(argv: Sequence[str]) -> int:
    """Write the names for `KIND WORDS...` to stdout, and return the exit code, which is always 0.

    WORDS is the command line up to the cursor, beginning with `cictl`; its last word, perhaps empty, begins the name. Its
    `--server` and `--context` count.
    """
    try:
        found = names_in_time(argv[0], argv[1:], os.environ)
        sys.stdout.buffer.write("".join(f"{name}\t{text}\n" for name, text in found).encode())
        sys.stdout.buffer.flush()
    except BaseException:  # noqa: BLE001 - a shell would show anything else between the prompt and the cursor
        os._exit(0)  # not even the interpreter's own complaint about a closed pipe
    return 0


def names_in_time(kind: str, words: Sequence[str], env: Mapping[str, str]) -> list[Name]:
    """Return the names of *kind* that begin with the last of *words*; none when the server is away or slow."""
    begin = words[-1]
    found = dict(_contexts(env) if kind == "contexts" else _asked(_KINDS[kind], words, env))
    return [(name, plain(text)) for name, text in found.items() if name.startswith(begin) and _can_be_typed(name)]


def _can_be_typed(name: str) -> bool:
    """Tell whether a name is what it looks like on a terminal, and no option of the command that it is offered for."""
    return bool(name) and not name.startswith("-") and plain(name) == name


def _asked(ask: Ask, words: Sequence[str], env: Mapping[str, str]) -> list[Name]:
    """Ask in a thread, which is left behind when the time is up: looking up a host can't be interrupted."""
    seconds = float(env.get("CICTL_COMPLETION_SECONDS") or BUDGET_SECONDS)
    source = _source(words, env, seconds=seconds)
    found: list[Name] = []

    def run() -> None:
        with suppress(Exception):
            found.extend(ask(source, words[-1]))

    asking = threading.Thread(target=run, daemon=True)
    asking.start()
    asking.join(seconds)
    return [] if asking.is_alive() else found


class Source:
    """The server, asked for names only; a missing or odd field of an answer counts as empty."""

    def __init__(self, url: str, token: str | None, *, seconds: float) -> None:
        from cictl_client.probe import Probe

        self._probe = Probe(url, token=token, timeout=seconds)

    def items(self, path: str, key: str) -> list[dict[str, object]]:
        """Return the objects in the list *key* of the answer to `GET /api/v1/PATH`."""
        return _objects(self._get(path, key))

    def item(self, path: str, key: str) -> dict[str, object]:
        """Return the object *key* of the answer to `GET /api/v1/PATH`."""
        found = self._get(path, key)
        return found if isinstance(found, dict) else {}

    def _get(self, path: str, key: str) -> object:
        return self._probe.get(dict[str, object], f"/api/v1/{path}").get(key)


Ask = Callable[[Source, str], Iterable[Name]]
"""Yields the names that a source has; its second argument is the word as far as it is typed."""


def _source(words: Sequence[str], env: Mapping[str, str], *, seconds: float) -> Source:
    from cictl.cli.app.settings import load_settings

    settings = load_settings(env, server=_option(words, "--server"), context=_option(words, "--context"))
    return Source(settings.server, settings.token, seconds=seconds)


def _option(words: Sequence[str], option: str) -> str:
    """Return the last value of *option* before the word that is being typed."""
    value = ""
    for word, following in pairwise(words[:-1]):
        value = following if word == option else value
    joined = [word.partition("=")[2] for word in words[:-1] if word.startswith(f"{option}=")]
    return joined[-1] if joined else value


def _agents(source: Source, _begin: str) -> Iterator[Name]:
    for agent in source.items("agents", "agents"):
        state = next((f", {word}" for word in ("deactivated", "draining") if agent.get(word)), "")
        yield _text(agent, "agent_id"), f"{_text(agent, 'os')}/{_text(agent, 'arch')}{state}"


def _projects(source: Source, _begin: str) -> Iterator[Name]:
    from cictl.base.urls import without_login

    for project in source.items("projects", "projects"):
        yield _text(project, "name"), without_login(_text(project, "repo_url"))


def _pipelines(source: Source, _begin: str) -> Iterator[Name]:
    return _definitions(source, {"pipelines": "pipeline_id"})


def _chains(source: Source, _begin: str) -> Iterator[Name]:
    return _definitions(source, {"pipeline_chains": "chain_id"})


def _schedules(source: Source, _begin: str) -> Iterator[Name]:
    for schedule in source.items("schedules", "schedules"):
        paused = ", paused" if schedule.get("paused") else ""
        yield _text(schedule, "name"), f"{_text(schedule, 'cron')}{paused}"


def _targets(source: Source, begin: str) -> Iterator[Name]:
    yield from _pipeline_targets(source, begin)
    if begin.count("/") < 2:
        yield from _chains(source, begin)


def _pipeline_targets(source: Source, begin: str) -> Iterator[Name]:
    """Yield pipelines; behind PROJECT/PIPELINE/ the jobs of that one."""
    if begin.count("/") < 2:
        yield from _pipelines(source, begin)
        return
    project_name, pipeline_name, _ = begin.split("/", 2)
    for project in source.items("projects", "projects"):
        if project.get("name") != project_name:
            continue
        for pipeline in _objects(source.item(f"projects/{project.get('id')}", "project").get("pipelines")):
            if pipeline.get("pipeline_id") == pipeline_name:
                for job in _objects(pipeline.get("jobs")):
                    yield f"{project_name}/{pipeline_name}/{_text(job, 'id')}", "job"


def _pipeline_names(source: Source, _begin: str) -> Iterator[Name]:
    for full_name, text in _pipelines(source, ""):
        project, _, name = full_name.partition("/")
        yield name, f"{text} of {project}"


def _definitions(source: Source, keys: Mapping[str, str]) -> Iterator[Name]:
    for project in source.items("projects", "projects"):
        for key, name in keys.items():
            for definition in _objects(project.get(key)):
                yield f"{_text(project, 'name')}/{_text(definition, name)}", name.removesuffix("_id")


def _jobs(source: Source, begin: str) -> Iterator[Name]:
    """Yield short ids; long ones where a run has no number, or where one is being typed."""
    from cictl.wire.short_ids import short_id_of

    for job in source.items(f"jobs?max={MAX_JOBS}", "job_executions"):
        facts = _facts(job)
        short = "" if begin.startswith("job-") else short_id_of(facts)
        what = _of(job) if short else f"{_of(job)}/{facts.pipeline_job_id}"
        yield short or _text(job, "id"), f"{_text(job, 'status')} {_age(job)} {what}"


def _runs(source: Source, begin: str) -> Iterator[Name]:
    """Yield `@last` and numbers; ids where a run has none, or where one is being typed. The newest job of a run tells its state."""
    from cictl.cli.short_ids import LAST

    seen: set[str] = set()
    for job in source.items(f"jobs?max={MAX_JOBS}", "job_executions"):
        facts = _facts(job)
        if not seen:
            yield LAST, f"{_text(job, 'status')} {_age(job)} {_of(job)}"
        ids = [run for run in (facts.chain_run_id, facts.pipeline_run_id) if run]
        runs = [facts.run_number] if facts.run_number and (not begin or begin[0].isdigit()) else ids
        for run in (run for run in runs if run not in seen):
            seen.add(run)
            yield run, f"{_text(job, 'status')} {_age(job)} {_of(job)}"


def _age(job: Mapping[str, object]) -> str:
    from cictl.base.text.durations import ago

    try:
        return ago(utc_now() - datetime.fromisoformat(_text(job, "created_utc")))
    except ValueError:
        return ""


def _vault_connections(source: Source, _begin: str) -> Iterator[Name]:
    for connection in source.items("vault/connections", "connections"):
        yield _text(connection, "name"), _text(connection, "url")


def _contexts(env: Mapping[str, str]) -> Iterator[Name]:
    from cictl.base.urls import without_user_info
    from cictl.cli.app.contexts import read_contexts

    for context in read_contexts(env).contexts.values():
        yield context.name, without_user_info(context.server)


_KINDS: dict[str, Ask] = {
    "agents": _agents,
    "projects": _projects,
    "pipelines": _pipelines,
    "pipeline-names": _pipeline_names,
    "pipeline-targets": _pipeline_targets,
    "chains": _chains,
    "targets": _targets,
    "jobs": _jobs,
    "runs": _runs,
    "schedules": _schedules,
    "vault-connections": _vault_connections,
}

KINDS = frozenset({*_KINDS, "contexts"})
"""Every KIND that a script may ask for."""


def _objects(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(item: Mapping[str, object], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _facts(job: Mapping[str, object]) -> JobMetadata:
    value = job.get("metadata")
    metadata = value if isinstance(value, dict) else {}
    return JobMetadata({key: text for key, text in metadata.items() if isinstance(text, str)})


def _of(job: Mapping[str, object]) -> str:
    return f"{_facts(job).project}/{_facts(job).pipeline_id}"
