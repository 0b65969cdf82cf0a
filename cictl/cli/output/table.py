"""Turn results into text: the one renderer of every command.

A result is a wire message plus the rows to show of it. JSON and YAML are the message as the API sends it; a table shows
the rows. On a terminal tables are drawn by rich and ages are relative; in a pipe columns are plain, never cut, and
instants are ISO 8601.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TextIO, TypeVar

from cictl.base.clock import utc_now
from cictl.base.text.durations import ago, duration
from cictl.base.text.plain import plain
from cictl.cli.output.data import Format, as_builtins, queried, to_json, to_json_line, to_yaml
from cictl.cli.output.text import (
    columns_of,
    folded,
    has_colour,
    has_links,
    is_terminal,
    iso,
    shorten,
    style_of,
    width_of,
    write_bytes,
)

if TYPE_CHECKING:
    from rich.table import Table

T = TypeVar("T")
Line = tuple[str, str]
"""A line of prose: its lead, and its text, whose further lines are indented by the width of the lead."""

Still = str | int | float | datetime | timedelta | list[str] | None
Cell = Still | Callable[[datetime], Still]
"""The content of a cell; a function gives it for the time that it is on the server."""

_GAP = 2
_FOLDED_WIDTH = 14
"""Columns that fold get no narrower than this."""
_SHORTEST = 5
"""In a picture, whose rows can't be folded, names and texts get no narrower than this."""

_LEAD = r" *(?:\d+\. )?"


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column of a table, or one line of a detailed view.

    Attributes:
        value: Of a row; a datetime shows as an age, a list as lines below the title.
        wide: Shown with `-o wide` only.
        folds: Long text, folded into several lines where the screen is too narrow.
        shrinks: A name that is shortened in its middle where the screen is too narrow.
        least: Its width at least, so that a picture whose times grow does not move.
        page: Returns the address of the row's page on the server, to which the cell is a link where a terminal can show that.
    """

    title: str
    value: Callable[[T], Cell]
    wide: bool = False
    folds: bool = False
    shrinks: bool = False
    least: int = 0
    page: Callable[[T], str] | None = None


@dataclass(frozen=True, kw_only=True)
class Result(Generic[T]):
    """What a command found.

    Attributes:
        message: The wire struct that JSON and YAML show, wrapped as the API wraps it.
        rows: What the table shows.
        name: Of a row, for `-o name`.
        empty: Said on stderr when there are no rows.
        detailed: Show each row as lines of `Title: value` instead of a table.
        names: All names, if they are not one for each row.
        prose: Returns the lines to show instead of a table; its argument turns an instant into text.
    """

    message: object
    rows: Sequence[T]
    columns: tuple[Column[T], ...]
    name: Callable[[T], str]
    empty: str = ""
    detailed: bool = False
    names: tuple[str, ...] | None = None
    prose: Callable[[Callable[[datetime], str]], Sequence[Line]] | None = None

    def all_names(self) -> Sequence[str]:
        return [self.name(row) for row in self.rows] if self.names is None else self.names


class Renderer:
    """Writes results to stdout and remarks to stderr."""

    def __init__(
        self,
        *,
        stdout: TextIO,
        stderr: TextIO,
        env: Mapping[str, str],
        now: Callable[[], datetime] | None = None,
        site: Callable[[], str] = str,
    ) -> None:
        """Prepare.

        Args:
            now: Returns the time on the server.
            site: Returns the server's address, with which links begin; empty for none.
        """
        self._site = site
        self.stdout = stdout
        self.stderr = stderr
        self._env = env
        self._now = now or utc_now

    def show(self, result: Result[Any], *, form: Format, query: str = "") -> None:
        """Write *result* to stdout; *query* is a JMESPath expression over its JSON."""
        if query:
            self._write(queried(result.message, query, form))
        elif form is Format.JSON:
            self._write(to_json(result.message))
        elif form is Format.YAML:
            self._write(to_yaml(as_builtins(result.message)))
        elif form is Format.NAME:
            self._write("".join(f"{plain(name)}\n" for name in result.all_names()))
        elif not result.rows:
            self.note(result.empty)
        elif result.prose is not None:
            self._write(self._prose(result.prose))
        elif result.detailed:
            self._write(self._details(result, wide=form is Format.WIDE))
        else:
            self._table(result, wide=form is Format.WIDE)

    def note(self, text: str, *, folds: bool = True) -> None:
        """Write one line to stderr; nothing when *text* is empty.

        Args:
            folds: Break it between words on a narrow terminal. A line of a log stays as it is.
        """
        if text:
            width = columns_of(self.stderr, self._env) if folds and is_terminal(self.stderr) else None
            self.stderr.write(folded("", plain(text), width=width))
            self.stderr.flush()

    def table_on_stderr(self, result: Result[Any]) -> None:
        """Write the table of *result* to stderr, as the end of a wait does."""
        if is_terminal(self.stderr):
            self._draw(result, stream=self.stderr, wide=False)
        else:
            self.stderr.write(_aligned(result.columns, self._texts(result, result.columns, terminal=False)))
        self.stderr.flush()

    def _write(self, text: str) -> None:
        write_bytes(self.stdout, text.encode(self.stdout.encoding or "utf-8", errors="backslashreplace"))

    def _table(self, result: Result[Any], *, wide: bool) -> None:
        if is_terminal(self.stdout):
            self._draw(result, stream=self.stdout, wide=wide)
        else:
            columns = _columns(result, wide=wide)
            self._write(_aligned(columns, self._texts(result, columns, terminal=False)))

    def show_more(self, result: Result[Any], rows: Sequence[Any], *, form: Format, is_first: bool) -> None:
        """Write *rows* of a *result* that is shown again and again; the headings of a table come with the first ones.

        With JSON each row is one object on one line.
        """
        if form is Format.JSON:
            self._write("".join(map(to_json_line, rows)))
        elif form is Format.NAME:
            self._write("".join(f"{plain(result.name(row))}\n" for row in rows))
        elif not result.rows:
            self.note(result.empty)
        else:
            columns = _columns(result, wide=form is Format.WIDE)
            # As wide as the whole list needs, not only the new rows, so that lines written at other times align.
            texts = [self._texts(replace(result, rows=some), columns, terminal=False) for some in (result.rows, rows)]
            lines = _aligned_to(_widths(columns, texts[0]), [[column.title for column in columns], *texts[1]])
            self._write("".join(lines if is_first else lines[1:]))

    def picture(self, result: Result[Any], *, form: Format, width: int) -> Table:
        """Return the table of *result* for a screen of that *width*, each row on one line: any cell may be shortened.

        What is short by nature, such as a status or a time, stays whole as long as shortening the others is enough.
        """
        columns = _columns(result, wide=form is Format.WIDE)
        rows = self._texts(result, columns, terminal=True)
        fitted = _fitted(columns, _widths(columns, rows), width)
        fitted = _fitted(columns, fitted, width, least=_SHORTEST)
        return _drawn([replace(column, shrinks=True) for column in columns], rows, fitted)

    def _draw(self, result: Result[Any], *, stream: TextIO, wide: bool) -> None:
        from rich.console import Console

        columns = _columns(result, wide=wide)
        rows = self._texts(result, columns, terminal=True)
        widths = _widths(columns, rows)
        screen = columns_of(stream, self._env)
        # With `-o wide` the terminal itself breaks lines that are too long, and every cell stays whole for copying.
        fitted = widths if wide else _fitted(columns, widths, screen)
        console = Console(
            file=stream,
            width=max(screen, sum(fitted) + _GAP * len(fitted)),
            height=25,  # rich takes a width for a dumb terminal only together with a height
            no_color=not has_colour(stream, self._env),
            color_system="auto" if has_colour(stream, self._env) else None,
            highlight=False,
        )
        console.print(_drawn(columns, rows, fitted, links=self._links(result, columns, stream)))
        stream.flush()

    def _links(self, result: Result[Any], columns: Sequence[Column[Any]], stream: TextIO) -> list[list[str]]:
        """Return what each cell is a link to; nothing in it where *stream* shows no links."""
        site = self._site() if has_links(stream, self._env) else ""
        return [[_address(site, column, row) for column in columns] for row in result.rows]

    def _prose(self, prose: Callable[[Callable[[datetime], str]], Sequence[Line]]) -> str:
        """Return lines of text, folded where a screen is narrow; words, such as ids, stay whole."""
        terminal = is_terminal(self.stdout)
        width = columns_of(self.stdout, self._env) if terminal else None
        lines = prose(lambda instant: self._text(instant, terminal=terminal))
        return "".join(folded(plain(lead), plain(text), width=width) for lead, text in lines)

    def _details(self, result: Result[Any], *, wide: bool) -> str:
        columns = _columns(result, wide=wide)
        terminal = is_terminal(self.stdout)
        blocks = ["".join(self._detail_lines(row, columns, terminal=terminal)) for row in result.rows]
        return "\n".join(blocks)

    def _detail_lines(self, row: Any, columns: Sequence[Column[Any]], *, terminal: bool) -> Iterable[str]:
        values = [(column.title, self.value(column, row)) for column in columns]
        shown = [(title, value) for title, value in values if value not in ("", None, [])]
        width = max((len(title) for title, value in shown if not isinstance(value, list)), default=0) + 1
        screen = columns_of(self.stdout, self._env) if terminal else None
        for title, value in shown:
            if isinstance(value, list):
                yield f"{title}:\n" + "".join(folded(*_item(line), width=screen) for line in value)
            else:
                yield folded(f"{title + ':':<{width}}  ", self._text(value, terminal=terminal), width=screen)

    def _texts(self, result: Result[Any], columns: Sequence[Column[Any]], *, terminal: bool) -> list[list[str]]:
        return [[self._text(self.value(column, row), terminal=terminal) for column in columns] for row in result.rows]

    def value(self, column: Column[Any], row: Any) -> Still:
        """Return what the cell in *column* holds at this moment."""
        value = column.value(row)
        return value(self._now()) if callable(value) else value

    def _text(self, value: Still, *, terminal: bool) -> str:
        match value:
            case None | "" | []:
                return "-"
            case datetime():
                return ago(self._now() - value) if terminal else iso(value)
            case timedelta():
                return duration(value)
            case list():
                return plain(",".join(value))
            case _:
                return plain(str(value))


def _address(site: str, column: Column[Any], row: Any) -> str:
    page = column.page(row) if site and column.page else ""
    return site + page if page else ""


def _columns(result: Result[Any], *, wide: bool) -> tuple[Column[Any], ...]:
    return tuple(column for column in result.columns if wide or not column.wide)


def _widths(columns: Sequence[Column[Any]], rows: list[list[str]]) -> list[int]:
    return [
        max(c.least, *(width_of(text) for text in (c.title, *(row[i] for row in rows)))) for i, c in enumerate(columns)
    ]


def _fitted(
    columns: Sequence[Column[Any]], widths: Sequence[int], screen: int, *, least: int = _FOLDED_WIDTH
) -> list[int]:
    """Return the widths with which all columns fit on the *screen*, as far as that loses nothing that matters.

    Names are shortened first, then long texts are folded; at last any cell is folded that is wider than others. What is
    no wider than *least*, such as a status or a time, stays whole in any case.
    """
    fitted = list(widths)
    excess = sum(fitted) + _GAP * (len(fitted) - 1) - screen
    is_name, is_text = [c.shrinks for c in columns], [c.folds for c in columns]
    for may_give in (is_name, is_text, [True] * len(columns)):
        while excess > 0:
            givers = [i for i, gives in enumerate(may_give) if gives and fitted[i] > least]
            if not givers:
                break
            fitted[max(givers, key=fitted.__getitem__)] -= 1
            excess -= 1
    return fitted


def _aligned(columns: Sequence[Column[Any]], rows: list[list[str]]) -> str:
    """Lay *rows* out in columns as wide as their widest cell, whatever the width of the screen."""
    return "".join(_aligned_to(_widths(columns, rows), [[column.title for column in columns], *rows]))


def _aligned_to(widths: Sequence[int], rows: list[list[str]]) -> list[str]:
    lines = ((" " * _GAP).join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [f"{line.rstrip()}\n" for line in lines]


def _drawn(
    columns: Sequence[Column[Any]],
    rows: list[list[str]],
    widths: Sequence[int],
    *,
    links: list[list[str]] | None = None,
) -> Table:
    """Return *rows* in columns of these *widths*: names are shortened to theirs, other cells folded."""
    from rich.style import Style
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.title,
            width=None if column.shrinks else width,
            no_wrap=column.shrinks,
            overflow="ellipsis" if column.shrinks else "fold",
        )
    for row, targets in zip(rows, links or [[""] * len(columns)] * len(rows), strict=True):
        cells = zip(columns, row, widths, targets, strict=True)
        table.add_row(
            *(
                Text(shorten(text, width) if c.shrinks else text, style=Style(link=link) if link else style_of(text))
                for c, text, width, link in cells
            )
        )
    return table


def _item(line: str) -> Line:
    """Return a line of a list as its indent, with its number if it has one, and its text."""
    text = plain(line)
    lead = re.match(_LEAD, text)
    begin = lead[0] if lead else ""
    return f"  {begin}", text[len(begin) :]


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))
