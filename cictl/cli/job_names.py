"""Find the jobs and the runs that the user means.

    41                      a run by its number
    41/test, 41/test/green  a job of it, with its matrix entry; in a chain run the pipeline stands before the job
    41/test:2               the first rerun of that job
    @last                   the newest run; @last/test is a job of it
    shop/build@last         the newest run of a pipeline or a chain
    shop/build/test@last    the newest execution of a job
    job-17954, 17954        the long id of a job, with or without `job-`, or its unique beginning; the same for runs

The newest run is the one whose job was enqueued last, so a rerun makes its run the newest again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cictl.cli.app.failures import not_found
from cictl.cli.names import MAX_JOBS, Target, ambiguous, choose, find_target
from cictl.cli.short_ids import LAST, label, newest_of_each, run_ids, short_id
from cictl.wire.jobs import JobExecution
from cictl.wire.short_ids import name_in_run
from cictl_client import Client

_LISTING = "cictl jobs list"
_NUMBERED = re.compile(r"([1-9][0-9]*)(?:/(.*))?", re.DOTALL)


class _Found(NamedTuple):
    """The executions of one run, oldest first.

    Attributes:
        run: How the user names the run: `41`, `@last`, `shop/build@last`.
        rest: What the user says about the job, behind the run's name; empty for nothing.
        job: Name of the one job that a target such as `shop/build/test@last` is about; else empty.
    """

    run: str
    rest: str
    jobs: list[JobExecution]
    job: str = ""

    @property
    def is_last(self) -> bool:
        return LAST in self.run


def find_job_id(client: Client, text: str) -> str:
    """Return the id of the execution that *text* means.

    Raises:
        Failure: It means none (exit code 5), or several (2).
    """
    from cictl_client import NotFound

    if (found := _find_run(client, text)) is not None:
        return _one_of(found, text).id
    if not text or "/" in text:
        raise not_found(f"job {text!r} not found", hint=f"`{_LISTING}` shows what there is")
    # A whole id, which scripts give, costs one small request; only a beginning needs the list.
    try:
        return client.get_job_state(text).id
    except NotFound:
        jobs = client.list_jobs(max_jobs=MAX_JOBS).job_executions
    found_job = choose(text, jobs, names=lambda j: (j.id, j.id.removeprefix("job-")), noun="job", listing=_LISTING)
    return found_job.id


def find_job_ids(client: Client, text: str) -> list[str]:
    """Return the ids of the executions that *text* means: one, or where it names a run, the newest one of each job.

    Raises:
        Failure: It means nothing (exit code 5), or a part that means several (2).
    """
    found = _find_run(client, text)
    if found is None or found.rest or found.job:
        return [find_job_id(client, text)]
    return [job.id for job in newest_of_each(found.jobs)]


def find_run(client: Client, text: str) -> str:
    """Return the shortest name of the run that *text* means, as the server takes it: its number, else its id.

    Raises:
        Failure: It means none (exit code 5), or several (2).
    """
    return _shortest_name(find_jobs_of_run(client, text))


def find_run_and_job(client: Client, text: str) -> tuple[str, str]:
    """Return the run that *text* names, as `find_run` does, and the name of a job in it, which is empty for the whole run.

    The server knows whether there is such a job.

    Raises:
        Failure: *text* means no run (exit code 5), or several (2).
    """
    if LAST in text:
        found = _last(client, text)
        return _shortest_name(found.jobs), found.rest or found.job
    if match := _NUMBERED.fullmatch(text):
        return match[1], match[2] or ""
    if text.startswith("job-"):
        job = client.get_job(find_job_id(client, text))
        return _shortest_name([job]), job.id
    return find_run(client, text), ""


def find_jobs_of_run(client: Client, text: str) -> list[JobExecution]:
    """Return all executions of the run that *text* means, oldest first.

    Raises:
        Failure: It means none (exit code 5), or several (2).
    """
    found = _find_run(client, text)
    if found is not None and not found.rest and not found.job:
        return found.jobs
    if found is not None or "/" in text:
        raise not_found(f"{text!r} is no run", hint=f"`{_LISTING}` shows runs by their numbers")
    if jobs := _of_run(client, text):
        return jobs
    runs: dict[str, None] = {run: None for job in _newest(client) for run in run_ids(job) if not run.isdigit()}
    run_id = choose(text, list(runs), names=lambda i: (i, i.removeprefix("run-")), noun="run", listing=_LISTING)
    return _of_run(client, run_id)


def _find_run(client: Client, text: str) -> _Found | None:
    """Return the run that *text* begins with; None if it begins with none, and may be a long id.

    Raises:
        Failure: It says `@last`, or has a job behind a number, and there is no such run.
    """
    if LAST in text:
        return _last(client, text)
    if not (match := _NUMBERED.fullmatch(text)):
        return None
    number, rest = match[1], match[2]
    # A reference server has no numbers and ignores the filter, so what it answers has to be looked at.
    jobs = [job for job in _of_run(client, number) if job.facts.run_number == number]
    if jobs or rest is None:
        return _Found(number, rest or "", jobs) if jobs else None
    raise _no_run(client, number)


def _last(client: Client, text: str) -> _Found:
    """Return the newest run, or that of the target before `@last`."""
    name, _, rest = text.partition(LAST)
    if rest and not rest.startswith("/"):
        raise not_found(f"{text!r} means nothing", hint=f"{LAST}, {LAST}/JOB, PROJECT/PIPELINE{LAST}")
    target = find_target(client, name) if name else None
    newest = _first(_newest(client, target), _is_of(target)) if target else _first(_newest(client, most=1))
    if newest is None:
        of_target = f" of {target.full_name}" if target else ""
        raise not_found(f"there is no run{of_target} yet", hint=f"cictl run {target.full_name if target else 'TARGET'}")
    runs = run_ids(newest)
    jobs = _of_run(client, runs[0]) if runs else [newest]
    return _Found(name + LAST, rest.removeprefix("/"), jobs, job=target.job if target else "")


def _one_of(found: _Found, text: str) -> JobExecution:
    """Return the one execution that *text* means.

    A short id always means the same execution. Where a job is named without one, by `@last` or by a run that has only this
    job, its newest execution is meant.
    """
    newest = newest_of_each(found.jobs)
    if found.rest:
        return _named(found, newest, text)
    wanted = [job for job in newest if found.job in ("", job.facts.pipeline_job_id)]
    if len(wanted) != 1:
        raise ambiguous(text, _shown(wanted), "job")
    return wanted[0]


def _named(found: _Found, newest: list[JobExecution], text: str) -> JobExecution:
    def names(job: JobExecution) -> tuple[str, ...]:
        own = name_in_run(job.facts)
        attempt = f":{job.facts.attempt}" if job.facts.attempt and not found.is_last else ""
        # In a chain run the pipeline may be left out where the job is the only one of its name.
        return f"{found.run}/{own}{attempt}", f"{found.run}/{label(job)}{attempt}"

    jobs = newest if found.is_last else found.jobs
    exact = [job for job in jobs if text == names(job)[0]]
    if len(exact) > 1:  # rows of a matrix may have the same name
        raise ambiguous(text, [job.id for job in exact], "job")
    return choose(text, jobs, names=names, noun="job", listing=f"{_LISTING} --run {found.run}")


def _shown(jobs: Sequence[JobExecution]) -> list[str]:
    names = [short_id(job) for job in jobs]
    return names if len(set(names)) == len(names) else [job.id for job in jobs]


def _shortest_name(jobs: Sequence[JobExecution]) -> str:
    """Return the shortest name of the run that has *jobs*."""
    return next(run for run in run_ids(jobs[0]) if all(run in run_ids(job) for job in jobs))


def _of_run(client: Client, run: str) -> list[JobExecution]:
    """Return the executions of the run with that number or id, oldest first."""
    found = client.list_jobs(max_jobs=MAX_JOBS, run=run).job_executions
    return [job for job in reversed(found) if run in run_ids(job)]


def _newest(client: Client, target: Target | None = None, *, most: int = MAX_JOBS) -> list[JobExecution]:
    """Return the newest executions, newest first, those of *target*'s project and pipeline."""
    if target is None:
        return client.list_jobs(max_jobs=most, split_runs=True).job_executions
    pipeline = "" if target.is_chain else target.name
    return client.list_jobs(max_jobs=most, project=target.project_filter, pipeline=pipeline).job_executions


def _is_of(target: Target) -> Callable[[JobExecution], bool]:
    def is_of(job: JobExecution) -> bool:
        facts = job.facts
        own = facts.pipeline_chain_id if target.is_chain else facts.pipeline_id
        project = facts.project_id if target.namesakes else facts.project
        return (project, own) == (target.project_filter, target.name) and target.job in ("", facts.pipeline_job_id)

    return is_of


def _first(jobs: list[JobExecution], is_wanted: Callable[[JobExecution], bool] = lambda _: True) -> JobExecution | None:
    return next(filter(is_wanted, jobs), None)


def _no_run(client: Client, number: str) -> Exception:
    """Return the failure for a number that no run has, with the newest one that some run has."""
    newest = _first(_newest(client, most=1))
    last = newest.facts.run_number if newest else ""
    meant = f"; the newest is {last}" if last else ""
    return not_found(f"run {number} not found{meant}", hint=f"`{_LISTING}` shows runs by their numbers")
