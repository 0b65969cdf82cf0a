"""`cictl projects icon`: an image on stdout or in a file."""

from __future__ import annotations

from pathlib import Path

from cictl.base.text.sizes import size_text
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, not_found, usage
from cictl.cli.app.session import Session
from cictl.cli.jobs.download import whole_file
from cictl.cli.output.table import Column, Result
from cictl.cli.output.text import is_terminal, write_bytes
from cictl.wire.codec import Message
from cictl.wire.projects import ProjectSummary
from cictl_client import NotFound, RawResponse


class Icon(Message):
    """What `projects icon -o json` shows; the API itself answers with the image.

    Attributes:
        path: The file that it was written to, if it was.
    """

    project: str
    media_type: str
    size_bytes: int
    path: str = ""


def show_icon(session: Session, project: ProjectSummary, *, to: Path | None, force: bool) -> None:
    """Write the image of *project* to stdout, or into the file *to*.

    Raises:
        Failure: There is none (5), the file exists (7), or stdout is a terminal (2).
    """
    if to is None and not session.wants_data and is_terminal(session.stdout):
        raise usage("will not write an image to a terminal", hint="add --to FILE, or `-o json`")
    if to is not None and to.exists() and not force:
        raise Failure(f"{to} exists", exit_code=ExitCode.CONFLICT, code="exists", hint="--force overwrites it")
    image = _get(session, project)
    if to is None and not session.wants_data:
        write_bytes(session.stdout, image.body)
        return
    if to is not None:
        with whole_file(to) as sink:
            sink.write(image.body)
    session.show(_result(project, image, to))


def _get(session: Session, project: ProjectSummary) -> RawResponse:
    try:
        return session.client.get_project_icon(project.id)
    except NotFound:
        raise not_found(
            f"project {project.name} has no icon",
            hint="a .png, .jpg or .bmp file with icon or logo in its name, and `cictl projects reload`",
        ) from None


def _result(project: ProjectSummary, image: RawResponse, to: Path | None) -> Result[Icon]:
    icon = Icon(
        project=project.name,
        media_type=image.headers.get("Content-Type", ""),
        size_bytes=len(image.body),
        path="" if to is None else str(to),
    )
    return Result(
        message=icon,
        rows=[icon],
        columns=(
            Column("FILE", lambda i: i.path),
            Column("TYPE", lambda i: i.media_type),
            Column("SIZE", lambda i: size_text(i.size_bytes)),
        ),
        name=lambda i: i.path or i.project,
    )
