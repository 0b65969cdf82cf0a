"""`cictl run --local`: what a checkout defines, run from its working tree, without a server that anybody set up."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from cictl.base.git_settings import with_settings
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, failure_of, not_found, usage
from cictl.cli.app.session import Session
from cictl.cli.commands.here.end_signals import ended_by_signals
from cictl.cli.commands.here.local.embedded import embedded
from cictl.cli.projects.choice import choose
from cictl.cli.projects.place import find_repository
from cictl.cli.projects.project_file import find_project_file, read_beneath
from cictl.cli.projects.snapshot import Snapshot, take
from cictl.cli.projects.variables_file import read_variables
from cictl.project_file import CONFIG_FILES, Pipeline, ProjectFile, ProjectFileError, parse, secret_names
from cictl.wire.admin.secrets import SecretRequest
from cictl.wire.projects import ImportRequest
from cictl_client import ClientError

_MOST_AT_ONCE = 16
"""How many runs of one checkout may go on at the same time; each has a work directory of its own."""


@dataclass(frozen=True, kw_only=True)
class LocalOptions:
    """What the options of a local run say.

    Attributes:
        env_file: Variables for all jobs.
        secrets_file: Values of the secrets that steps name.
        keep: Leave the data behind for a look.
    """

    env_file: Path | None = None
    secrets_file: Path | None = None
    keep: bool = False


@dataclass(frozen=True, kw_only=True)
class LocalRun:
    """A server and an agent that run for one command.

    Attributes:
        session: For the server here, as if its user were logged in there.
        target: `PROJECT/PIPELINE[/JOB]` or `PROJECT/CHAIN`.
    """

    session: Session
    target: str


@contextmanager
def prepared(session: Session, text: str, *, only: bool, options: LocalOptions) -> Iterator[LocalRun]:
    """Take the working tree around the current directory as it is, and yield what runs it; nothing of that stays behind.

    Args:
        text: `[PIPELINE[/JOB]]`, or a chain; empty for the only pipeline.
        only: Whether a job runs without those that it needs.

    Raises:
        Failure: There is no project file here or it has problems; *text* names nothing in it; it builds on an earlier run; a
            secret is missing.
    """
    checkout = find_repository(Path.cwd()) or Path.cwd()
    definition = _read_definition(checkout)
    name = definition.name
    target = _target(session, definition, text.removeprefix(f"{name}/"))
    _check_dependencies(definition, target)
    variables = read_variables(options.env_file, option="--env-file")
    secrets = read_variables(options.secrets_file, option="--secrets-file")
    _check_secrets(definition, target, secrets, only=only, option=options)
    with ExitStack() as stack:
        stack.enter_context(ended_by_signals())
        data = Path(tempfile.mkdtemp(prefix="cictl-local-"))
        if options.keep:
            look = f"cictl serve --data-dir {shlex.quote(str(data / 'data'))}"
            stack.callback(session.note, f"kept; to look at it: {look}")
        else:
            stack.callback(shutil.rmtree, data, ignore_errors=True)
        snapshot = take(checkout, data / "source.git")
        stack.enter_context(_building(snapshot))
        work_dir = stack.enter_context(_work_dir(session.env, checkout))
        here = stack.enter_context(embedded(data / "data", work_dir, variables=variables, is_for_one_run=True))
        own = Session(
            env={**_without_servers(session.env), "CICTL_TOKEN": here.token},
            stdin=session.stdin,
            stdout=session.stdout,
            stderr=session.stderr,
            options={**session.options, "server": here.url, "context": "", "ca_file": ""},
            has_pages=False,
        )
        stack.callback(own.close)
        for secret, value in secrets.items():
            own.client.set_secret(SecretRequest(name=secret, value=value))
        own.client.import_project(ImportRequest(repo_url=str(snapshot.repository), name=name))
        tree = "the working tree" if snapshot.is_changed else f"the working tree, which is {snapshot.sha[:12]}"
        session.note(f"running {name}/{target} here, from {tree} of {checkout}")
        try:
            yield LocalRun(session=own, target=f"{name}/{target}")
        except ClientError as error:
            raise failure_of(error, server="") from error  # nobody else ever hears of the server of this run


def _read_definition(checkout: Path) -> ProjectFile:
    file = find_project_file(checkout)
    if file is None:
        raise usage(
            f"no {' or '.join(CONFIG_FILES)} in {checkout}",
            hint="cictl init, which writes one; or go into a checkout that has one",
        )
    try:
        return parse(file.read_bytes(), config_file=file.name, read_file=partial(read_beneath, checkout))
    except ProjectFileError as error:
        findings = [{**msgspec.structs.asdict(f), "file": f.file or file.name} for f in error.findings]
        raise Failure(str(error), exit_code=ExitCode.ERROR, code="project_file", findings=findings) from error


def _target(session: Session, definition: ProjectFile, text: str) -> str:
    """Return what *text* names; for an empty one the only pipeline, or the one of several that the user chooses."""
    names = [pipeline.id for pipeline in definition.pipelines]
    chains = [chain.id for chain in definition.pipeline_chains]
    if not text and len(names) == 1:
        return names[0]
    if not text:
        texts = [
            f"after {', '.join(pipeline.depends_on)}" * bool(pipeline.depends_on) for pipeline in definition.pipelines
        ]
        texts += [f"chain of {', '.join(chain.pipelines)}" for chain in definition.pipeline_chains]
        return choose(
            session, [*names, *chains], texts=texts, command=lambda name: f"cictl run --local {shlex.quote(name)}"
        )
    name, _, job = text.partition("/")
    if name not in (*names, *chains):
        raise not_found(f"no pipeline {name!r} here; there are {', '.join((*names, *chains))}")
    jobs = [each.id for pipeline in definition.pipelines if pipeline.id == name for each in pipeline.jobs]
    if job and not any(each.startswith(job) for each in jobs):
        there = f"there are {', '.join(jobs)}" if jobs else "a chain runs as a whole"
        raise not_found(f"no job {job!r} in {name}; {there}")
    return text


def _check_dependencies(definition: ProjectFile, target: str) -> None:
    """Check that *target* builds on no earlier run: there is none here. A chain runs what it builds on first.

    Raises:
        Failure: It does; exit code 7.
    """
    name = target.partition("/")[0]
    wanted = {needed for pipeline in definition.pipelines if pipeline.id == name for needed in pipeline.depends_on}
    if not wanted:
        return
    chains = [chain.id for chain in definition.pipeline_chains if {name, *wanted} <= {*chain.pipelines}]
    raise Failure(
        f"{name} depends on {', '.join(sorted(wanted))}, and a local run finds no earlier run of that",
        exit_code=ExitCode.CONFLICT,
        code="dependency_unsatisfied",
        hint=f"cictl run --local {chains[0]}"
        if chains
        else "a chain of them in pipeline_chains, which --local runs as a whole",
    )


def _check_secrets(
    definition: ProjectFile, target: str, known: Mapping[str, str], *, only: bool, option: LocalOptions
) -> None:
    """Check that the file has all secrets that the jobs of *target* name.

    Raises:
        Failure: It lacks one; exit code 7.
    """
    name, _, job = target.partition("/")
    chain = next((c.pipelines for c in definition.pipeline_chains if c.id == name), [name])
    pipelines = [pipeline for pipeline in definition.pipelines if pipeline.id in chain]
    wanted = {secret: None for pipeline in pipelines for secret in _secrets_of(pipeline, job, only=only)}
    missing = [secret for secret in wanted if secret not in known]
    if missing:
        where = f"{option.secrets_file} lacks" if option.secrets_file else "--secrets-file FILE has to give"
        raise Failure(
            f"{where} {', '.join(missing)}, which the jobs need",
            exit_code=ExitCode.CONFLICT,
            code="secret_missing",
            hint="lines of NAME=value",
        )


def _secrets_of(pipeline: Pipeline, job: str, *, only: bool) -> list[str]:
    """Return the names of the secrets that *job* and what it needs name; those of all jobs for an empty one."""
    needs = {each.id: each.needs for each in pipeline.jobs}
    taken, pending = set[str](), [job] if job else list(needs)
    while pending:
        each = pending.pop()
        if each not in taken:
            taken.add(each)
            pending += [] if only and job else needs.get(each, [])
    return secret_names("".join(msgspec.json.encode(each).decode() for each in pipeline.jobs if each.id in taken))


@contextmanager
def _building(snapshot: Snapshot) -> Iterator[None]:
    """Let git take the snapshot wherever the project names the place that the checkout came from."""
    if not snapshot.origin:
        yield
        return
    former = dict(os.environ)
    os.environ.update(with_settings(os.environ, [(f"url.{snapshot.repository}.insteadOf", snapshot.origin)]))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(former)


@contextmanager
def _work_dir(env: Mapping[str, str], checkout: Path) -> Iterator[Path]:
    """Yield a directory for the agent that later runs of the same checkout find again, with the caches of its jobs."""
    base = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cictl" / "local"
    digest = hashlib.sha256(os.fsencode(checkout)).hexdigest()[:12]
    for number in range(1, _MOST_AT_ONCE + 1):
        directory = base / f"{checkout.name}-{digest}" / str(number)
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with FileLock(directory / "in-use.lock", timeout=0):
                yield directory / "work"
                return
        except Timeout:
            continue
    raise Failure(
        f"{_MOST_AT_ONCE} local runs of {checkout} go on already", exit_code=ExitCode.CONFLICT, code="too_many_runs"
    )


def _without_servers(env: Mapping[str, str]) -> dict[str, str]:
    """Return *env* without what names other servers and what to show them."""
    return {
        name: value for name, value in env.items() if name == "CICTL_OUTPUT" or not name.startswith(("CICTL_", "CIWI_"))
    }
