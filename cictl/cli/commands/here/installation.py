"""What installers, the updater and a new version's first test run: `stage`, `apply-staged-update`, `self-check`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cictl.cli.app.commands import with_examples
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.session import Session

if TYPE_CHECKING:
    from cictl.installation.layout import Layout

Home = Annotated[
    Path | None,
    typer.Option("--home", help="The managed installation; else CICTL_HOME, else the one that this program is in."),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="The server's data; else CICTL_DATA_DIR, else the user's data directory."),
]


@dataclass(frozen=True)
class Staged:
    """What `stage -o json` shows; `sha256` is of the wheel."""

    tag: str
    folder: str
    sha256: str
    was_reused: bool


@with_examples("cictl apply-staged-update\ncictl apply-staged-update --home /opt/cictl --data-dir /var/lib/cictl")
def apply_staged_update(context: typer.Context, home: Home = None, data_dir: DataDir = None) -> None:
    """Switch to the version that the server has staged, and back if it is not healthy.

    For the updater's service. Does nothing when nothing is staged; an interrupted switch is carried on.

    Exit codes: 0 nothing to do, or done; 1 not updated, and the output says which version runs now.
    """
    import logging

    from filelock import Timeout

    from cictl.base import log_output
    from cictl.base.system.environment import setting
    from cictl.installation.activation import HEALTH_SECONDS, Means, apply_staged_update

    session = Session.of(context)
    log_output.begin(logging.INFO)
    seconds = setting(session.env, "UPDATE_HEALTH_TIMEOUT")
    try:
        means = Means(health_seconds=float(seconds) if seconds else HEALTH_SECONDS)
    except ValueError as error:
        raise typer.BadParameter(f"CICTL_UPDATE_HEALTH_TIMEOUT is {seconds!r}, not seconds") from error
    try:
        result = apply_staged_update(_layout(session, home, data_dir), means)
    except Timeout as error:
        raise _failure("another update is being staged or applied", hint="wait for it") from error
    if result is None:
        session.note("nothing is staged")
    elif result.status != "success":
        raise _failure(result.message)
    else:
        session.note(result.message)


@with_examples("cictl stage v1.2.3\ncictl stage v1.2.3 --home /opt/cictl\ncictl stage v1.2.3 -o json")
def stage(
    context: typer.Context,
    tag: Annotated[str, typer.Argument(metavar="TAG", help="The version, such as v1.2.3.")],
    home: Home = None,
    data_dir: DataDir = None,
) -> None:
    """Download a version and install it beside the others; nothing is switched.

    The `CICTL_UPDATE_...` settings say where it comes from. A version that is here already is checked only.
    """
    import shutil

    from cictl.cli.output.table import Result
    from cictl.installation.environments import PipSettings
    from cictl.installation.releases.release import ReleaseError
    from cictl.installation.releases.settings import ReleaseSettings
    from cictl.installation.releases.sources import open_source
    from cictl.installation.smoke import SmokeError, smoke
    from cictl.installation.staging import StageError, find_staged, stage
    from cictl.installation.versions import Tag

    session = Session.of(context)
    layout = _layout(session, home, data_dir)
    try:
        tag = str(Tag.parse(tag))
    except ValueError as error:
        raise typer.BadParameter("a version looks like v1.2.3 or v1.2.3-rc.1", param_hint="TAG") from error
    with layout.lock():
        try:
            staged = find_staged(layout, tag)
            if staged is None:
                source = open_source(ReleaseSettings.from_environment(session.env))
                session.note(f"downloading {tag}")
                try:
                    fetched = source.fetch(source.get(tag), layout.downloads / tag)
                    session.note("building")
                    staged = stage(layout, fetched, tag, pip=PipSettings.from_environment(session.env))
                finally:
                    shutil.rmtree(layout.downloads / tag, ignore_errors=True)
            smoke(layout, tag, layout.data_dir)
        except (ReleaseError, StageError, SmokeError) as error:
            raise _failure(str(error)) from error
    session.note(f"{tag} is staged in {staged.folder}")
    if session.wants_data:
        shown = Staged(staged.tag, str(staged.folder), staged.sha256, staged.was_reused)
        session.show(Result(message=shown, rows=[shown], columns=(), name=lambda s: s.tag))


@with_examples("cictl self-check\ncictl self-check --data-dir /tmp/copy-of-data -o json")
def self_check(
    context: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="A COPY of a server's data; it is opened and perhaps changed.")
    ] = None,
    store: Annotated[
        str,
        typer.Option(
            "--store", envvar="CICTL_STORE", metavar="URL", help="Look at this database, as for `cictl serve`."
        ),
    ] = "",
) -> None:
    """Check that this version can run: load everything, open the data, answer as a server does.

    No port is opened. Without --data-dir, empty data is made and thrown away. In a database nothing is changed.
    """
    import tempfile

    from cictl.cli.output.table import Result
    from cictl_server.errors import CictlError
    from cictl_server.selfcheck import check, check_database

    session = Session.of(context)
    try:
        _load_everything()
        if store:
            check_database(store)
        with tempfile.TemporaryDirectory() as scratch:
            report = check(data_dir or Path(scratch))
    except (CictlError, ImportError) as error:
        raise _failure(str(error)) from error
    if session.wants_data:
        session.show(Result(message=report, rows=[report], columns=(), name=lambda r: r.version))
    else:
        session.stdout.write(f"ok: {report.version}, schema {report.schema}\n")


_OF_EXTRAS = ("obstore", "psycopg", "psycopg_pool")
"""What only `cictl[postgres]` and `cictl[s3]` bring."""


def _load_everything() -> None:
    """Import every module of every package, so that a missing dependency is noticed now; not what an absent extra would bring."""
    import pkgutil
    from importlib import import_module

    for name in ("cictl", "cictl_client", "cictl_server", "cictl_agent"):
        for module in pkgutil.walk_packages(import_module(name).__path__, f"{name}."):
            if module.name.endswith(".__main__"):
                continue
            try:
                import_module(module.name)
            except ModuleNotFoundError as error:
                if (error.name or "").partition(".")[0] not in _OF_EXTRAS:
                    raise


def _layout(session: Session, home: Path | None, data_dir: Path | None) -> Layout:
    """Return the installation of *home*, else of CICTL_HOME, else the one that this program is in."""
    import sys

    import platformdirs

    from cictl.base.system.environment import setting
    from cictl.installation.layout import Layout

    if home is None and (stated := setting(session.env, "HOME")):
        home = Path(stated)
    is_stated = home is not None
    home = home or Path(sys.prefix).parent.parent
    data = data_dir or Path(session.env.get("CICTL_DATA_DIR") or platformdirs.user_data_path("cictl", appauthor=False))
    if not (home if is_stated else home / "versions").is_dir():
        raise _failure(f"no managed installation in {home}", hint="name it with --home or CICTL_HOME")
    return Layout(home.absolute(), data.absolute())


def _failure(message: str, *, hint: str = "") -> Failure:
    return Failure(message, exit_code=ExitCode.ERROR, code="update_failed", hint=hint)
