"""`cictl runs`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.app.commands import Command, new_group
from cictl.cli.app.session import Session
from cictl.cli.job_names import find_jobs_of_run
from cictl.cli.output.table import Result
from cictl.cli.short_ids import run_ids

app = new_group("cictl runs pin 41\ncictl runs unpin @last")

RunName = Annotated[str, typer.Argument(metavar="RUN", help="Such as 41, @last, shop/build@last, or a long id.")]


@app.command("pin", cls=Command, epilog="cictl runs pin 41\ncictl runs pin shop/release@last")
def pin(context: typer.Context, run: RunName) -> None:
    """Keep a run whatever its age, with its logs and artifacts."""
    _set(Session.of(context), run, pinned=True)


@app.command("unpin", cls=Command, epilog="cictl runs unpin 41")
def unpin(context: typer.Context, run: RunName) -> None:
    """Let a run go when its time has come: see `cictl retention show`."""
    _set(Session.of(context), run, pinned=False)


def _set(session: Session, run: str, *, pinned: bool) -> None:
    session.refuse_if_readonly(f"{'pin' if pinned else 'unpin'} {run}")
    name, *_ = run_ids(find_jobs_of_run(session.client, run)[0])
    answer = session.client.pin_run(name, pinned=pinned)
    result = Result(message=answer, rows=[answer], columns=(), name=lambda a: a.run)
    session.show_done(result, f"run {name}: {'pinned' if pinned else 'no longer pinned'}")
