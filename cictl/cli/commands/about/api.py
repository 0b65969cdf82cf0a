"""`cictl api`: any request to the API, for what has no command of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from cictl.base.text.plain import LogCleaner
from cictl.cli.app.commands import with_examples
from cictl.cli.app.confirmation import confirm
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, usage
from cictl.cli.app.session import Session
from cictl.cli.output.data import to_json
from cictl.cli.output.table import Result
from cictl.cli.output.text import is_terminal, write_bytes
from cictl.wire.words import EVENT_STREAM

TIMEOUT_SECONDS = 150.0
"""For each wait for bytes: the server may ask git remotes for two minutes."""

_READS = ("GET", "HEAD")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_OUTSIDE = ("healthz", "readyz", "metrics")
"""What the server answers outside of `/api/v1`."""

_CURSOR = "next_cursor"


@with_examples(
    "cictl api GET jobs -d status=failed -d max=10 --paginate --query 'job_executions[].id'\n"
    "cictl api POST jobs/job-1795541225174704000/cancel\n"
    "cictl api POST pipelines/7/run-selection -d source_ref=main -D dry_run=true\n"
    "cictl api POST heartbeat --input heartbeat.json\n"
    "cictl api GET /healthz"
)
def api(
    context: typer.Context,
    method: Annotated[str, typer.Argument(metavar="METHOD", help="GET, POST or DELETE.")],
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH", help="Such as projects or /projects, below /api/v1; or whole, such as /healthz."
        ),
    ],
    texts: Annotated[
        list[str] | None,
        typer.Option("-d", "--field", metavar="KEY=VALUE", help="A text of the body, or of the query."),
    ] = None,
    typed: Annotated[
        list[str] | None,
        typer.Option(
            "-D", "--typed-field", metavar="KEY=VALUE", help="The same; true, false, null, numbers are those."
        ),
    ] = None,
    body_file: Annotated[
        str, typer.Option("--input", metavar="FILE", help="Send this file as the body; - is standard input.")
    ] = "",
    paginate: Annotated[
        bool, typer.Option("--paginate", help="Follow next_cursor, and show all pages as one.")
    ] = False,
) -> None:
    """Call the API itself, as it is.

    The body of the answer is printed as it comes, event streams too; on a terminal JSON is indented. Fields become the
    query of a GET, and the JSON body of any other request. What the server refuses is an error like that of any other
    command. DELETE asks on a terminal, and needs --yes elsewhere. The list of jobs has pages where there is a filter.
    """
    session = Session.of(context)
    method = method.upper()
    fields = _fields(texts or [], typed or [])
    if not method.isalpha() or not path.strip():
        raise usage(f"not a request: {method} {path}", hint="such as: cictl api GET jobs")
    if body_file and (fields or method in _READS):
        raise usage("--input goes with requests that have a body, and without fields")
    if paginate and method != "GET":
        raise usage("--paginate goes with GET")
    if session.output == "name" and not session.options.get("query"):
        raise usage("-o name needs --query here", hint="--query 'job_executions[].id' -o name")
    path = _whole(path)
    _ask(session, method, path)
    if method in _READS:
        _read(session, method, path, {key: _query_text(value) for key, value in fields.items()}, paginate=paginate)
        return
    body = _input(session, body_file) if body_file else json.dumps(fields).encode() if fields else b"{}"
    _send(session, method, path, body=body)


def _ask(session: Session, method: str, path: str) -> None:
    """Ask before a DELETE, and in a protected context before every request that changes something."""
    if method in _READS:
        return
    session.refuse_if_readonly(f"{method} {path}")
    if method == "DELETE" or session.settings.protected:
        confirm(session, f"{method} {path}?")


def _read(session: Session, method: str, path: str, params: Mapping[str, str], *, paginate: bool) -> None:
    if not paginate:
        _send(session, method, path, params=params)
        return
    pages = list(_pages(session, path, params))
    _show(session, json.dumps(_joined(pages), ensure_ascii=False).encode() + b"\n")


def _pages(session: Session, path: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield every page, beginning with the one that *params* ask for; a cursor that comes twice is an error."""
    cursors = set()
    while True:
        page = _decoded(session.client.request("GET", path, params=params).body)
        if not isinstance(page, dict):
            raise usage(f"{path} has no pages", hint="the same without --paginate")
        yield page
        cursor = page.get(_CURSOR)
        if not cursor:
            return
        if cursor in cursors:
            raise Failure("the server gives a page twice", exit_code=ExitCode.SERVER_ERROR, code="unexpected_answer")
        cursors.add(cursor)
        params = {**params, "cursor": cursor}


def _send(
    session: Session, method: str, path: str, *, params: Mapping[str, str] | None = None, body: bytes | None = None
) -> None:
    """Send a request and show its answer: as it comes, unless it must be formatted."""
    request = session.client.stream_request(method, path, json_body=body, params=params, timeout=TIMEOUT_SECONDS)
    with request as (head, blocks):
        streams = head.headers.get("Content-Type", "").startswith(EVENT_STREAM)
        if session.wants_data or (is_terminal(session.stdout) and not streams):
            written = _show(session, b"".join(blocks))
        else:
            written = _copy(session, blocks)
    if not written and method != "HEAD":
        session.note(f"done: status {head.status}, no body")


def _copy(session: Session, blocks: Iterable[bytes]) -> bool:
    """Write *blocks* as they come, and tell whether there were any."""
    cleaner = LogCleaner() if is_terminal(session.stdout) else None
    written = False
    for block in blocks:
        write_bytes(session.stdout, cleaner.feed(block) if cleaner else block)
        written = True
    if cleaner:
        write_bytes(session.stdout, cleaner.close())
    return written


def _show(session: Session, body: bytes) -> bool:
    """Show a whole answer, as -o and --query say or indented for people; tell whether it was more than nothing."""
    if session.wants_data:
        session.show(Result(message=_decoded(body or b"null"), rows=[], columns=(), name=str))
        return True
    if is_terminal(session.stdout):
        with suppress(ValueError):  # what is no JSON is shown as it is
            body = to_json(json.loads(body)).encode()
        cleaner = LogCleaner()
        body = cleaner.feed(body) + cleaner.close()
    write_bytes(session.stdout, body)
    return bool(body)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Failure(
            f"the answer is not JSON: {body[:60].decode(errors='replace')!r}",
            exit_code=ExitCode.ERROR,
            code="not_json",
            hint="the same without -o, --query and --paginate",
        ) from error


def _joined(pages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the first page with the lists of all pages, one behind the other, and no cursor."""
    joined = {key: value for key, value in pages[0].items() if key != _CURSOR}
    for key, value in joined.items():
        if isinstance(value, list):
            joined[key] = [item for page in pages for item in page.get(key) or []]
    return joined


def _whole(path: str) -> str:
    if "://" in path:
        return path
    bare = path.lstrip("/")
    is_whole = bare.startswith("api/") or re.split(r"[/?]", bare, maxsplit=1)[0] in _OUTSIDE
    return f"/{bare}" if is_whole else f"/api/v1/{bare}"


def _input(session: Session, name: str) -> bytes:
    if name == "-":
        return session.stdin.buffer.read() if hasattr(session.stdin, "buffer") else session.stdin.read().encode()
    return Path(name).read_bytes()


def _fields(texts: Sequence[str], typed: Sequence[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for pairs, value_of in ((texts, str), (typed, _typed)):
        for pair in pairs:
            key, sign, text = pair.partition("=")
            if not key or not sign:
                raise usage(f"not a field: {pair!r}", hint="write it like -d source_ref=main")
            if key in fields:
                raise usage(f"the field {key} is given twice")
            fields[key] = value_of(text)
    return fields


def _typed(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    return json.loads(text) if _NUMBER.fullmatch(text) else text


def _query_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
