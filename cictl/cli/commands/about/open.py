"""`cictl open`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from cictl.cli.app.commands import with_examples
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.session import Session
from cictl.cli.output.table import Result
from cictl.cli.output.text import is_terminal
from cictl.cli.projects.page import find_page
from cictl.wire.codec import Message


class Page(Message):
    """What `open -o json` shows: the address of the page, and whether a browser was told to open it."""

    url: str
    opened: bool


@with_examples(
    "cictl open\ncictl open 41\ncictl open 41/test\ncictl open shop/build@last\ncictl open shop --print | qrencode -t utf8"
)
def open_page(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="[RUN|JOB|PROJECT]", help="Such as 41, 41/test, @last or shop; default: here.")
    ] = "",
    prints: Annotated[bool, typer.Option("--print", help="Print the address only, and open nothing.")] = False,
) -> None:
    """Open the page of a run, a job or a project in a browser, and print its address.

    Without a name: that of the project that this checkout belongs to, else the overview of all. In a pipe, over ssh and where there is no desktop it only prints.
    """
    session = Session.of(context)
    url = session.settings.shown_server + find_page(session, name)
    wants_browser = not prints and is_terminal(session.stdout) and has_desktop(session.env, sys.platform)
    page = Page(url=url, opened=wants_browser and _opened(url))
    if session.wants_data:
        session.show(Result(message=page, rows=[page], columns=(), name=lambda p: p.url))
    else:
        session.stdout.write(f"{url}\n")
    if wants_browser and not page.opened:
        raise Failure("no browser could be opened", exit_code=ExitCode.ERROR, code="no_browser", hint=f"open {url}")


def has_desktop(env: Mapping[str, str], platform: str) -> bool:
    """Tell whether a browser that is opened appears before the one who asked for it."""
    if env.get("SSH_CONNECTION") or env.get("SSH_TTY"):
        return False
    return platform in ("darwin", "win32") or bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))


def _opened(url: str) -> bool:
    import webbrowser

    return webbrowser.open(url)
