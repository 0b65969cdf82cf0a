"""Show a list again and again: the whole table on a screen of its own, or in a pipe a line for each row that changed.

It goes on through dropped connections and server restarts, and ends with Ctrl-C only.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from cictl.base.text.plain import plain
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import usage
from cictl.cli.app.patience import Patience
from cictl.cli.app.session import Session
from cictl.cli.output.data import Format
from cictl.cli.output.outage import Outage
from cictl.cli.output.table import Result
from cictl.cli.output.text import has_colour
from cictl_client import ApiError, ClientError

if TYPE_CHECKING:
    from rich.console import Group


def watch(session: Session, look: Callable[[], Result[Any]], *, quiet: Sequence[str]) -> ExitCode:
    """Show what *look* gives, now and whenever it has changed, until Ctrl-C.

    Args:
        quiet: Titles of columns that change all the time. In a pipe, a row that changed in these alone is not written.

    Raises:
        Failure: The format can't show a list that goes on.
        ClientError: The first look fails, or the server refuses a later one.
    """
    if session.options.get("query") or session.output == Format.YAML:
        raise usage("--watch goes with -o table, wide, json and name only")
    result = look()
    is_live = not session.wants_data and has_colour(session.stdout, session.env)
    shown = _Screen(session) if is_live else _Lines(session, quiet)
    try:
        with shown:
            shown.show(result)
            _go_on(look, shown, session.patience)
    except KeyboardInterrupt:
        pass
    return ExitCode.INTERRUPTED


def _go_on(look: Callable[[], Result[Any]], shown: _Lines, patience: Patience) -> NoReturn:
    pause = patience.watch_seconds
    while True:
        patience.sleep(pause)
        outage = Outage(shown.note, every=math.inf, passing=_has_not_refused)
        shown.show(outage.through(look, pause=pause, longest=pause))


def _has_not_refused(error: ClientError) -> bool:
    return not isinstance(error, ApiError) or error.status >= 500


class _Lines:
    """Writes the rows that are new or have changed; with `-o json` one object a line."""

    def __init__(self, session: Session, quiet: Sequence[str] = ()) -> None:
        self._session = session
        self._quiet = quiet
        self._seen: dict[str, object] = {}

    def __enter__(self) -> _Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave what is written."""

    def show(self, result: Result[Any]) -> None:
        is_first = not self._seen
        columns = [column for column in result.columns if column.title not in self._quiet]
        renderer = self._session.renderer
        news = [row for row in result.rows if self._is_new(result.name(row), [renderer.value(c, row) for c in columns])]
        if news or is_first:
            renderer.show_more(result, news, form=Format(self._session.output), is_first=is_first)

    def note(self, text: str) -> None:
        self._session.note(text)

    def _is_new(self, name: str, cells: object) -> bool:
        known, self._seen[name] = self._seen.get(name), cells
        return known != cells


class _Screen(_Lines):
    """Draws the table on the terminal's other screen, in whatever size it has; the last one stays on the usual screen."""

    def __init__(self, session: Session) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__(session)
        self._result: Result[Any] | None = None
        self._note = ""
        self._lock = threading.Lock()
        self._live = Live(
            get_renderable=self._draw,
            console=Console(file=session.stdout, highlight=False),
            screen=True,
            refresh_per_second=2,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> _Screen:
        try:
            self._live.start()
        except BaseException:  # Ctrl-C in the first picture, before anybody would take the screen down
            self._live.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if self._result is not None:
            self._session.show(self._result)

    def show(self, result: Result[Any]) -> None:
        with self._lock:
            self._result, self._note = result, ""
        self._live.refresh()

    def note(self, text: str) -> None:
        with self._lock:
            self._note = text

    def _draw(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        with self._lock:
            result, note = self._result, self._note
        foot = Text(plain(note) or "Ctrl-C ends", style="" if note else "dim", no_wrap=True, overflow="ellipsis")
        if result is None:
            return Group(foot)
        if not result.rows:
            return Group(Text(result.empty), foot)
        form, width = Format(self._session.output), self._live.console.width
        return Group(self._session.renderer.picture(result, form=form, width=width), Text(), foot)
