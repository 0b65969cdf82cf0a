"""`cictl jobs artifacts`, `download` and `tests`: what a job left; `commands.jobs` has the rest of the group."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cictl.cli.app.commands import Command, new_group
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import usage
from cictl.cli.app.session import Session
from cictl.cli.commands.options import JobId
from cictl.cli.job_names import find_job_id
from cictl.cli.tables.artifacts import artifacts_result
from cictl.cli.tables.jobs import tests_result

app = new_group()


@app.command("artifacts", cls=Command, epilog="cictl jobs artifacts 41/test\ncictl jobs artifacts 41/test -o name")
def list_artifacts(context: typer.Context, job: JobId) -> None:
    """List the files that a job left."""
    session = Session.of(context)
    job_id = find_job_id(session.client, job)
    session.show(artifacts_result(job_id, session.client.list_artifacts(job_id)))


@app.command(
    "download",
    cls=Command,
    epilog="cictl jobs download 41/test\ncictl jobs download 41/test dist/app.tar.gz -O /tmp\n"
    "cictl jobs download 41/test dist\ncictl jobs download 41/test --all -O out\n"
    "cictl jobs download 41/test --name brew",
)
def download(
    context: typer.Context,
    job: JobId,
    path: Annotated[
        str, typer.Argument(metavar="[PATH]", help="An artifact, or a directory of them; without it, a zip of all.")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every artifact, as files instead of a zip.")] = False,
    prefix: Annotated[str, typer.Option("--prefix", metavar="DIR", help="Every artifact below this directory.")] = "",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Every artifact that has this name in the project file.")
    ] = "",
    directory: Annotated[
        Path, typer.Option("-O", "-C", "--directory", metavar="DIR", help="Where to put files.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
) -> None:
    """Download a job's artifacts: one, those of a directory, all of them, or a zip.

    A file appears only when it is whole. A download that breaks off goes on where it was, also when the command is given again; only a zip begins anew. Prints the paths that were written. Of several artifacts, those whose names can't be files here are left out and named on stderr; the exit code is 1 then.
    """
    from cictl.cli.jobs.download import Downloads

    session = Session.of(context)
    if [bool(path), bool(prefix), bool(name), everything].count(True) > 1:
        raise usage("PATH, --prefix, --name and --all exclude each other")
    job_id = find_job_id(session.client, job)
    downloads = Downloads(session, job_id, directory=directory, force=force)
    if name:
        session.show(downloads.named(name))
    else:
        session.show(downloads.below(path or prefix) if path or prefix or everything else downloads.archive())
    if downloads.refused:
        raise typer.Exit(ExitCode.ERROR)


@app.command("tests", cls=Command, epilog="cictl jobs tests 41/test\ncictl jobs tests 41/test -o json")
def show_tests(context: typer.Context, job: JobId) -> None:
    """Show a job's test report: the counts, and what failed."""
    session = Session.of(context)
    session.show(tests_result(session.client.get_test_report(find_job_id(session.client, job))))
