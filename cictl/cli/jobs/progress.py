"""Where a wait shows the states that it sees: lines on stderr, or on a terminal a picture that lives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol, TextIO

from cictl.base.text.plain import plain
from cictl.cli.app.interrupts import interrupted_after
from cictl.cli.app.session import Session
from cictl.cli.outcome import outcome
from cictl.cli.output.data import Format
from cictl.cli.output.table import Column, Renderer, Result
from cictl.cli.output.text import folded, has_colour, style_of
from cictl.cli.short_ids import label
from cictl.cli.tables.jobs import running_time, state_text
from cictl.wire.jobs import JobExecution, JobState, JobStatus

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.live import Live
    from rich.text import Text
    from rich.tree import Tree

SHOWN_JOBS = 12
"""Of one pipeline, at most; what failed or runs comes first."""

_ACTIVE = (JobStatus.LEASED, JobStatus.RUNNING)


class Board:
    """Writes a line for each new state: in a pipe, between logs, and in a wait for one job."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def note(self, text: str) -> None:
        """Write a remark; called from any thread."""
        self._session.note(text)

    def saw(self, _state: JobState, line: str) -> None:
        """Take in a new state, which *line* tells in words."""
        self._session.note(line)

    def tick(self) -> None:
        """Show what changes without a new state: times, and the size of the screen."""

    def close(self, *, keeps: bool = False) -> None:
        """Show nothing more, and leave a picture as it is if *keeps*; may be called again."""


class Picture(Protocol):
    """What can be drawn of the executions of a wait.

    Attributes:
        states: The last state of each execution, by id.
    """

    states: dict[str, JobExecution | JobState]

    def draw(self, *, height: int, width: int = 80) -> RenderableType:
        """Return what fits into *height* lines, none of which wraps: what wraps can't be drawn over."""


class LiveBoard(Board):
    """Draws a picture below the remarks, and draws it again at each new state, each tick, and each new size."""

    def __init__(self, session: Session, stream: TextIO, picture: Picture) -> None:
        from rich.console import Console

        super().__init__(session)
        self._picture = picture
        self._console = Console(file=stream, highlight=False)
        self._size = self._console.size
        self._live = self._start()

    def note(self, text: str) -> None:
        if text:
            self._console.print(folded("", plain(text), width=self._size.width), end="", markup=False, soft_wrap=True)

    def saw(self, state: JobState, _line: str) -> None:
        self._picture.states[state.id] = state
        self.tick()

    def tick(self) -> None:
        if self._console.size != self._size:
            # The terminal has moved the lines of the old picture about; nobody can tell where they are now.
            with interrupted_after():
                self._live.stop()
                self._console.clear()
                self._size = self._console.size
                self._live = self._start()
        else:
            self._live.update(self._draw(), refresh=True)

    def close(self, *, keeps: bool = False) -> None:
        self._live.transient = not keeps
        self._live.stop()

    def _start(self) -> Live:
        from rich.live import Live

        # Transient: the table of the results takes its place.
        live = Live(
            self._draw(),
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start(refresh=True)
        return live

    def _draw(self) -> RenderableType:
        return self._picture.draw(height=self._size.height - 1, width=self._size.width)


class JobsPicture:
    """The executions of a wait as a table: which step each one is at, and for how long it has been running."""

    def __init__(self, jobs: Sequence[JobExecution], labels: Mapping[str, str], renderer: Renderer) -> None:
        """Begin with *jobs*."""
        self.states: dict[str, JobExecution | JobState] = {job.id: job for job in jobs}
        self._renderer = renderer
        self._columns: tuple[Column[JobExecution | JobState], ...] = (
            Column("JOB", lambda state: labels[state.id], shrinks=True),
            Column("STATUS", outcome, least=9),
            Column("TIME", lambda state: partial(running_time, state), least=6),
            Column("AGENT", lambda state: state.leased_by_agent_id, shrinks=True),
            Column("STEP", lambda state: state.error or state.current_step, folds=True),
        )

    def draw(self, *, height: int, width: int = 80) -> Group:
        """Return the table; of more jobs than lines it shows those that failed or run first, and counts the rest."""
        from rich.console import Group

        lines = len(self.states) if len(self.states) < height else height - 2
        shown = set(sorted(self.states, key=lambda job_id: _urgency(self.states[job_id]))[: max(0, lines)])
        rows = [state for job_id, state in self.states.items() if job_id in shown]
        result = Result(message=None, rows=rows, columns=self._columns, name=lambda state: state.id)
        table = self._renderer.picture(result, form=Format.TABLE, width=width)
        return Group(table, _line(self._rest(shown))) if len(shown) < len(self.states) else Group(table)

    def _rest(self, shown: set[str]) -> str:
        words = Counter(outcome(state) for job_id, state in self.states.items() if job_id not in shown)
        return f"and {words.total()} more: " + ", ".join(f"{count} {word}" for word, count in words.items())


class ChainPicture:
    """A chain run as a tree.

    Attributes:
        states: The last state of each execution, by id.
    """

    def __init__(self, jobs: Sequence[JobExecution]) -> None:
        self.states: dict[str, JobExecution | JobState] = {job.id: job for job in jobs}
        first = jobs[0].facts
        self._title = f"{first.project or '-'}/{first.pipeline_chain_id or '-'}  {first.chain_run_id}"
        self._members: dict[str, list[JobExecution]] = {}
        for job in jobs:
            self._members.setdefault(job.facts.pipeline_id or "-", []).append(job)

    def draw(self, *, height: int, width: int = 80) -> Tree:
        """Return the tree.

        If it needs more than *height* lines, the pipelines that succeeded become one line; if that does not do, so do
        the last ones of those that wait. What fails or runs is always drawn.
        """
        from rich.tree import Tree

        tree = Tree(_line(self._title), guide_style="dim")
        words = {name: self._pipeline_state(jobs)[0] for name, jobs in self._members.items()}
        done = [name for name in words if words[name] == "succeeded"]
        waiting = [name for name in words if words[name] == "queued"]
        excess = 1 + len(words) + sum(self._lines_of_jobs(jobs) for jobs in self._members.values()) - height
        folded_done = set(done) if excess > 0 and len(done) > 1 else set()
        excess -= max(0, len(folded_done) - 1)
        folded_waiting = set(waiting[-(excess + 1) :]) if excess > 0 and len(waiting) > 1 else set()
        if folded_done:
            tree.add(_line(f"{len(folded_done)} pipelines", "succeeded", "succeeded"))
        for name, jobs in self._members.items():
            if name not in folded_done | folded_waiting:
                branch = tree.add(_line(name, *self._pipeline_state(jobs)))
                if self._is_open(jobs):
                    self._add_jobs(branch, jobs)
        if folded_waiting:
            tree.add(_line(f"{len(folded_waiting)} pipelines", "queued", "wait"))
        return tree

    def _is_open(self, jobs: Sequence[JobExecution]) -> bool:
        return any(self.states[job.id].status in (*_ACTIVE, JobStatus.FAILED) for job in jobs)

    def _lines_of_jobs(self, jobs: Sequence[JobExecution]) -> int:
        return min(len(jobs), SHOWN_JOBS + 1) if self._is_open(jobs) else 0

    def _add_jobs(self, branch: Tree, jobs: Sequence[JobExecution]) -> None:
        shown = sorted(jobs, key=lambda job: _urgency(self.states[job.id]))[:SHOWN_JOBS]
        width = max(len(label(job)) for job in shown)
        ids = {job.id for job in shown}
        for job in (job for job in jobs if job.id in ids):
            state = self.states[job.id]
            branch.add(_line(f"{label(job):<{width}}", outcome(state), state_text(state)))
        if len(jobs) > len(shown):
            branch.add(_line(f"and {len(jobs) - len(shown)} more"))

    def _pipeline_state(self, jobs: Sequence[JobExecution]) -> tuple[str, str]:
        """Return the word that colours a pipeline, and what is said of it."""
        states = [self.states[job.id] for job in jobs]
        total = f"{len(jobs)} job" + ("" if len(jobs) == 1 else "s")
        over = sum(state.status.is_terminal for state in states)
        bad = {outcome(state) for state in states if state.status is JobStatus.FAILED}
        if over == len(jobs):
            word = "failed" if "failed" in bad else "cancelled" if bad else "succeeded"
            return word, f"{word}, {total}"
        if over or any(state.status in _ACTIVE for state in states):
            return "failed" if bad else "running", f"running, {over} of {total} over"
        waits_for = [name for name in jobs[0].facts.chain_depends_on_pipelines if not self._has_succeeded(name)]
        return "queued", f"waits for {', '.join(waits_for)}, {total}" if waits_for else f"queued, {total}"

    def _has_succeeded(self, pipeline: str) -> bool:
        return all(self.states[j.id].status is JobStatus.SUCCEEDED for j in self._members.get(pipeline, []))


def board_for(session: Session, jobs: Sequence[JobExecution], labels: Mapping[str, str]) -> Board:
    """Return the board for a wait for *jobs*: a picture of several jobs on a terminal, else lines."""
    if len(jobs) < 2 or not has_colour(session.stderr, session.env):
        return Board(session)
    runs = {job.facts.chain_run_id for job in jobs}
    is_chain = len(runs) == 1 and "" not in runs
    return LiveBoard(
        session, session.stderr, ChainPicture(jobs) if is_chain else JobsPicture(jobs, labels, session.renderer)
    )


def _urgency(state: JobExecution | JobState) -> int:
    order = [JobStatus.FAILED, JobStatus.RUNNING, JobStatus.LEASED, JobStatus.QUEUED, JobStatus.SUCCEEDED]
    return order.index(state.status)


def _line(name: str, word: str = "", text: str = "") -> Text:
    """Return one line, cut at the edge of the screen: a picture that wraps can't be drawn over."""
    from rich.text import Text

    line = Text(plain(name), no_wrap=True, overflow="ellipsis")
    return line.append(f"  {plain(text)}", style=style_of(word)) if text else line
