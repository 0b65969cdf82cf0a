"""What the tables of projects show."""

from __future__ import annotations

from cictl.base.names.git_names import short_ref
from cictl.base.urls import without_login
from cictl.cli.output.table import Column, Result
from cictl.cli.tables.runnables import job_names
from cictl.wire.pages import project_page
from cictl.wire.projects import (
    JobTokens,
    ProjectDetail,
    ProjectList,
    ProjectResponse,
    ProjectSummary,
)
from cictl.wire.triggers import NothingStarted, ProjectCheck, StartedRun

PROJECT_COLUMNS: tuple[Column[ProjectSummary], ...] = (
    Column("ID", lambda p: p.id),
    Column("PROJECT", lambda p: p.name, page=lambda p: project_page(p.id)),
    Column("REF", lambda p: p.repo_ref),
    Column("PIPELINES", lambda p: len(p.pipelines)),
    Column("CHAINS", lambda p: len(p.pipeline_chains)),
    Column("LOADED", lambda p: p.updated_utc),
    Column("COMMIT", lambda p: p.loaded_commit[:12]),
    Column("REPOSITORY", lambda p: without_login(p.repo_url), wide=True),
    Column("FILE", lambda p: p.config_file, wide=True),
)


def projects_result(projects: list[ProjectSummary]) -> Result[ProjectSummary]:
    """Return the list of projects."""
    return Result(
        message=ProjectList(projects=projects),
        rows=projects,
        columns=PROJECT_COLUMNS,
        name=lambda p: p.name,
        empty="no projects; `cictl projects import URL` adds one",
    )


PROJECT_DETAILS: tuple[Column[ProjectDetail], ...] = (
    Column("Project", lambda p: p.name),
    Column("Id", lambda p: p.id),
    Column("Repository", lambda p: without_login(p.repo_url)),
    Column("Ref", lambda p: p.repo_ref + (" (the default branch)" if p.follows_default else "")),
    Column("File", lambda p: p.config_file),
    Column("Commit", lambda p: p.loaded_commit),
    Column("Loaded", lambda p: p.updated_utc),
    Column("Last look", lambda p: p.last_look_utc),
    Column("Next look", lambda p: p.next_look_utc),
    Column("Last webhook", lambda p: p.last_hook_utc),
    Column("Look failed", lambda p: p.look_error),
    Column("Job tokens", lambda p: "may start runs" if p.job_tokens is JobTokens.START else ""),
    Column("Badges", lambda p: "public" if p.public_badges else ""),
    Column("Pipelines", lambda p: [f"{q.pipeline_id} (id {q.id}): {job_names(q.jobs)}" for q in p.pipelines]),
    Column("Chains", lambda p: [f"{c.chain_id} (id {c.id}): {' -> '.join(c.pipelines)}" for c in p.pipeline_chains]),
)


CHECK_COLUMNS: tuple[Column[StartedRun | NothingStarted], ...] = (
    Column("REF", lambda one: short_ref(one.ref), shrinks=True),
    Column("PIPELINE", lambda one: one.pipeline or "-"),
    Column("RUN", lambda one: one.run_number if isinstance(one, StartedRun) else "-"),
    Column("WHY NOT", lambda one: one.error if isinstance(one, StartedRun) else one.reason, folds=True),
)


def check_result(check: ProjectCheck) -> Result[StartedRun | NothingStarted]:
    """Return what a look at the repository of a project found."""
    return Result(
        message=check,
        rows=[*check.started, *check.not_started],
        columns=CHECK_COLUMNS,
        name=lambda one: str(one.run_number) if isinstance(one, StartedRun) else one.ref,
        empty=f"nothing new in the repository of {check.project}",
    )


def project_result(project: ProjectDetail) -> Result[ProjectDetail]:
    """Return one project in detail."""
    return Result(
        message=ProjectResponse(project=project),
        rows=[project],
        columns=PROJECT_DETAILS,
        name=lambda p: p.name,
        detailed=True,
    )
