"""`cictl projects`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from cictl.base.urls import without_login
from cictl.cli.app.commands import Command, DestructiveCommand, new_group
from cictl.cli.app.confirmation import confirm
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, usage
from cictl.cli.app.session import Session
from cictl.cli.commands import project_forge, project_hooks
from cictl.cli.names import find_project, list_targets
from cictl.cli.output.slow import reading_text, told_when_slow
from cictl.cli.output.table import Result
from cictl.cli.projects.icon import show_icon
from cictl.cli.projects.place import as_sent
from cictl.cli.tables.projects import check_result, project_result, projects_result
from cictl.wire.codec import Message
from cictl.wire.projects import ImportRequest, ImportResponse, JobTokens, ProjectSettings, ProjectSummary
from cictl.wire.words import Feature

app = new_group("cictl projects import https://example.com/shop.git\ncictl projects show shop")
app.add_typer(project_hooks.app, name="hook", help="Webhooks of a project, which tell of pushes: show rotate.")
app.add_typer(project_forge.app, name="forge", help="Commits that show how runs stand: show set test remove.")

ProjectName = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's name, its beginning, or its id.")]


class DeletedProject(Message):
    """What `projects delete -o json` shows; the API itself answers with an empty body."""

    deleted: bool
    project_id: int
    project_name: str


@app.command("list", cls=Command, epilog="cictl projects list\ncictl projects list --query 'projects[].name'")
def list_projects(context: typer.Context) -> None:
    """List the projects."""
    session = Session.of(context)
    session.show(projects_result(session.client.list_projects()))


@app.command("show", cls=Command, epilog="cictl projects show shop\ncictl projects show 3 -o yaml")
def show_project(context: typer.Context, project: ProjectName) -> None:
    """Show one project with its pipelines and chains."""
    session = Session.of(context)
    found = find_project(session.client, project)
    session.show(project_result(session.client.get_project(found.id)))


@app.command(
    "import",
    cls=Command,
    epilog="cictl projects import https://example.com/shop.git\n"
    "cictl projects import git@example.com:shop.git --ref main --file cictl.yaml\n"
    "cictl projects import https://example.com/fork.git --as shop-fork",
)
def import_project(
    context: typer.Context,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="The git repository, as the server reaches it; a path on this machine may be relative."
        ),
    ],
    ref: Annotated[
        str,
        typer.Option(
            "--ref", metavar="REF", help="Branch, tag or commit; else the default branch, and what that becomes."
        ),
    ] = "",
    file: Annotated[str, typer.Option("--file", metavar="NAME", help="Name of the project file in the root.")] = "",
    replace: Annotated[
        str, typer.Option("--replace", metavar="PROJECT", help="Move this project here; its history is kept.")
    ] = "",
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Name of the project, instead of the file's.")] = "",
) -> None:
    """Import a project from a git repository.

    The same URL, ref and file again update the project in place. If a project of another repository has the name already, nothing is imported.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"import {without_login(url)}")
    if replace or name:
        _check_names(session)
    place = as_sent(url)
    request = ImportRequest(
        repo_url=place,
        repo_ref=ref,
        config_file=file,
        name=name,
        replace_id=find_project(session.client, replace).id if replace else 0,
        refuses_taken_name=True,
    )
    with told_when_slow(session, reading_text(place, limit="two minutes")):
        answer = session.client.import_project(request)
    session.show_done(_import_result(answer), _import_text("imported", answer))
    if session.suggests:
        _suggest_run(session, answer)


def _suggest_run(session: Session, imported: ImportResponse) -> None:
    targets = list_targets(session.client, of_project=str(imported.project_id or imported.project_name))
    if targets:
        session.suggest(f"cictl run {shlex.quote(targets[0].full_name)} --follow{session.server_options}")


@app.command("reload", cls=Command, epilog="cictl projects reload shop")
def reload_project(context: typer.Context, project: ProjectName) -> None:
    """Read a project's file again from its repository."""
    session = Session.of(context)
    session.refuse_if_readonly(f"reload project {project}")
    found = find_project(session.client, project)
    with told_when_slow(session, reading_text(found.repo_url, limit="two minutes")):
        answer = session.client.reload_project(found.id)
    session.show_done(_import_result(answer), _import_text("reloaded", answer))


@app.command("check", cls=Command, epilog="cictl projects check shop\ncictl projects check shop --every 300")
def check_project(
    context: typer.Context,
    project: ProjectName,
    every: Annotated[
        int | None,
        typer.Option(
            "--every",
            metavar="SECONDS",
            min=-1,
            max=86400,
            help="From now on, look by itself so often; 0 for never, -1 for what `serve --poll` says.",
        ),
    ] = None,
) -> None:
    """Look at a project's repository now, and start the runs that new commits ask for.

    Tells what was started, and why nothing else was. The server looks by itself, too; `projects show` tells when.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"check project {project}")
    found = find_project(session.client, project)
    if every is not None:
        session.client.change_project_settings(found.id, ProjectSettings(poll_seconds=every))
    with told_when_slow(session, reading_text(found.repo_url, limit="two minutes")):
        answer = session.client.check_project(found.id)
    session.show(check_result(answer))


@app.command(
    "set", cls=Command, epilog="cictl projects set shop --job-tokens start\ncictl projects set shop --public-badges"
)
def set_project(
    context: typer.Context,
    project: ProjectName,
    job_tokens: Annotated[
        JobTokens | None,
        typer.Option(
            "--job-tokens", help="What its jobs may do with their token: start runs of this project, or none."
        ),
    ] = None,
    public_badges: Annotated[
        bool | None,
        typer.Option(
            "--public-badges/--private-badges", help="Whether badges of its pipelines are there without a token."
        ),
    ] = None,
) -> None:
    """Change what the server decides about a project; `projects show` tells it.

    Jobs that may start runs do so as `cictl run` in a step. Such runs count against the limits of the project.
    A badge is at /badges/PROJECT/PIPELINE.svg.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"change project {project}")
    if job_tokens is None and public_badges is None:
        raise usage("nothing to set", hint="name a setting, such as --job-tokens start")
    found = find_project(session.client, project)
    answer = session.client.change_project_settings(
        found.id, ProjectSettings(job_tokens=job_tokens, public_badges=public_badges)
    )
    result = Result(message=answer, rows=[answer], columns=(), name=lambda _: found.name)
    badges = "public" if answer.public_badges else "private"
    session.show_done(result, f"{found.name}: tokens of jobs: {answer.job_tokens}; badges: {badges}")


@app.command("delete", cls=DestructiveCommand, epilog="cictl projects delete shop\ncictl projects delete 3 --yes")
def delete_project(context: typer.Context, project: ProjectName) -> None:
    """Delete a project, its pipelines and its chains.

    Job executions are kept. Asks on a terminal, and needs --yes elsewhere.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"delete project {project}")
    found = find_project(session.client, project)
    session.note(f"this deletes {_what_dies(found)}; job executions are kept")
    confirm(session, f"delete project {found.name}?")
    session.client.delete_project(found.id)
    answer = DeletedProject(deleted=True, project_id=found.id, project_name=found.name)
    result = Result(message=answer, rows=[answer], columns=(), name=lambda a: a.project_name)
    session.show_done(result, f"deleted project {found.name} (id {found.id})")


@app.command(
    "icon",
    cls=Command,
    epilog="cictl projects icon shop --to shop.png\ncictl projects icon shop > shop.png\ncictl projects icon shop -o json",
)
def icon(
    context: typer.Context,
    project: ProjectName,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Write the image into this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Get the image that a project's repository has as its icon or logo.

    It goes to stdout, unless that is a terminal, or to a file; with -o json or -o yaml its kind and size are shown instead.
    """
    session = Session.of(context)
    show_icon(session, find_project(session.client, project), to=to, force=force)


def _check_names(session: Session) -> None:
    """Fail unless the server obeys `--replace` and `--as`: any other would import as if they were not there."""
    if Feature.IMPORT_NAMES not in session.client.server_info().features:
        raise Failure(
            "this server knows neither --replace nor --as",
            exit_code=ExitCode.SERVER_ERROR,
            code="not_supported",
            hint="update the server, or import without them",
        )


def _what_dies(project: ProjectSummary) -> str:
    pipelines = ", ".join(p.pipeline_id for p in project.pipelines)
    text = f"project {project.name} (id {project.id}) with {_count(len(project.pipelines), 'pipeline')}"
    text += f" ({pipelines})" if pipelines else ""
    return text + f" and {_count(len(project.pipeline_chains), 'chain')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _import_text(verb: str, answer: ImportResponse) -> str:
    at = f"@{answer.repo_ref}" if answer.repo_ref else ""
    return f"{verb} {answer.project_name}: {_count(answer.pipelines, 'pipeline')} from {without_login(answer.repo_url)}{at}"


def _import_result(answer: ImportResponse) -> Result[ImportResponse]:
    return Result(message=answer, rows=[answer], columns=(), name=lambda a: a.project_name)
