"""The log of a job: any lines of it, what a search finds, and the whole as plain text."""

from __future__ import annotations

import falcon

from cictl.wire.results.log_lines import LogHits
from cictl.wire.short_ids import name_in_run, short_id_of
from cictl_server.errors import InvalidRequest
from cictl_server.face.drawing.log_rows import CHUNK, MOST_ROWS, log_rows
from cictl_server.face.page import Pages, View
from cictl_server.face.views.job import state_of
from cictl_server.http.access.authentication import caller_of
from cictl_server.http.streams import PlacedStream
from cictl_server.services import Services
from cictl_server.services.jobs.log_lines import OpenLog
from cictl_server.services.logs.search import LONGEST_QUERY, search

_HITS = 100


class LogPage:
    """`/jobs/{job_id}/log`"""

    def __init__(self, services: Services) -> None:
        self._lines = services.jobs.log_lines
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Show lines of the log: from `from` on, or the last ones. With `rows` the answer has these alone, for the script."""
        log = self._lines.open(job_id)
        first = _number(req, "from")
        count = max(1, min(_number(req, "count") or MOST_ROWS, MOST_ROWS))
        if req.get_param("rows") is not None:
            self._pages.show_shared(req, resp, f"{log.key} {first} {count}", lambda: _rows_alone(log, first, count))
            return
        rows = log_rows(log, first=first, count=count)
        facts = log.job.facts
        name = short_id_of(facts) or job_id
        view = View(
            template="log.html",
            title=f"Log of {name}",
            section="overview",
            command=f"cictl jobs logs {name}",
            watches=(f"job:{job_id}",),
            values={
                "state": state_of(log.job),
                "name": name,
                "name_in_run": name_in_run(facts),
                "run": facts.run_number,
                "log": rows,
                "steps": log.steps,
                "query": (req.get_param("q") or "")[:LONGEST_QUERY],
                "found": _found(req, log),
                "chunk": CHUNK,
                "job_id": job_id,
            },
        )
        self._pages.show(req, resp, view)


def _rows_alone(log: OpenLog, first: int | None, count: int) -> View:
    return View(
        template="log_rows.html", title="", values={"log": log_rows(log, first=first, count=count), "steps": log.steps}
    )


class LogText:
    """`/jobs/{job_id}/log.txt`"""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs.jobs
        self._downloads = services.core.downloads

    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Send the whole log as it is."""
        size = self._jobs.get_state(job_id).log_size
        resp.content_type = "text/plain; charset=utf-8"
        resp.set_headers(
            {
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-store, max-age=0",
            }
        )
        resp.set_stream(
            PlacedStream(self._downloads, caller_of(req), lambda: self._jobs.iter_log(job_id, offset=0, length=size)),
            size,
        )


def _found(req: falcon.Request, log: OpenLog) -> LogHits | None:
    """Return what a search by the form finds, which works without the script."""
    text = (req.get_param("q") or "").strip()
    if not text:
        return None
    if len(text) > LONGEST_QUERY or "\n" in text:
        raise InvalidRequest(f"the text to find has more than {LONGEST_QUERY} characters, or several lines")
    return search(log.lined, text, offset=_number(req, "offset") or 0, most=_HITS)


def _number(req: falcon.Request, name: str) -> int | None:
    """Return a positive number of the query; None for anything else: a page is shown whatever its address says."""
    text = (req.get_param(name) or "").lstrip("L")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 16 and int(text) > 0 else None
