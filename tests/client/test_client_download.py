"""Downloads that go on where they broke off, in the same process and in another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.servers.answers import AnsweringServer, Reply, Seen, drop, refusal

from cictl.wire.results.artifacts import Artifact
from cictl_client import Client, ForeignAnswer, NotFound, UnexpectedAnswer, Unreachable
from cictl_client.calls.results import download
from cictl_client.retry import Pause

URL = "GET /artifacts/job-1/app"
BODY = bytes(range(256)) * 4096
HALF = len(BODY) // 2


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pause, "wait", lambda _: None)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "here" / "app"


def app(size: int = len(BODY)) -> Artifact:
    return Artifact(id=1, job_execution_id="job-1", path="app", url="/artifacts/job-1/app", size_bytes=size)


def whole(etag: str = '"one"', body: bytes = BODY) -> Reply:
    return Reply((body,), headers={"ETag": etag, "Content-Length": str(len(body))})


def broken(at: int = HALF, etag: str = '"one"') -> Reply:
    """An answer that breaks off in the middle."""
    return Reply((BODY[:at], drop, b""), headers={"ETag": etag, "Content-Length": str(len(BODY))})


def broken_at_once() -> Reply:
    """An answer that breaks off before its first byte, which waitress turns into a 500."""
    return broken(0)


def rest_of(etag: str) -> Callable[[Seen], Reply]:
    """Answer with what is asked for while it is of this version, else with everything."""

    def answer(seen: Seen) -> Reply:
        if seen.headers.get("if-range") != etag:
            return whole(etag)
        begin = int(seen.headers["range"].removeprefix("bytes=").removesuffix("-"))
        headers = {"ETag": etag, "Content-Range": f"bytes {begin}-{len(BODY) - 1}/{len(BODY)}"}
        return Reply((BODY[begin:],), status=206, headers=headers)

    return answer


def parts(target: Path) -> list[Path]:
    return [path for path in target.parent.iterdir() if path.suffix == ".part"]


def requests_for(server: AnsweringServer) -> list[Seen]:
    return [seen for seen in server.seen if seen.method == "GET"]


def test_a_file_that_comes_at_once(client: Client, server: AnsweringServer, target: Path) -> None:
    server.on(URL, whole())
    told: list[int] = []
    assert client.fetch_artifact(app(), target, progress=told.append) == len(BODY)
    assert target.read_bytes() == BODY
    assert told[-1] == len(BODY)
    assert parts(target) == []
    assert len(server.seen) == 1


def test_a_broken_connection_is_taken_up_where_it_broke(client: Client, server: AnsweringServer, target: Path) -> None:
    server.on(URL, broken(), broken_at_once(), rest_of('"one"'))
    errors: list[Exception] = []
    assert client.fetch_artifact(app(), target, on_reconnect=errors.append) == len(BODY)
    assert target.read_bytes() == BODY
    assert [type(error) for error in errors] == [Unreachable, ForeignAnswer]


def test_only_the_rest_is_asked_for(client: Client, server: AnsweringServer, target: Path) -> None:
    server.on(URL, broken(), rest_of('"one"'))
    client.fetch_artifact(app(), target)
    last = requests_for(server)[-1].headers
    assert (last["range"], last["if-range"]) == (f"bytes={HALF}-", '"one"')


def interrupted(client: Client, server: AnsweringServer, target: Path) -> None:
    """Leave what a process leaves that ended in the middle of a download."""
    server.on(URL, broken(), refusal(503, "away"))
    with pytest.raises(Exception, match="away"):
        client.fetch_artifact(app(), target)
    [part] = parts(target)
    assert part.read_bytes() == BODY[:HALF]
    assert not target.exists()
    server.seen.clear()


def test_another_process_goes_on(client: Client, server: AnsweringServer, target: Path) -> None:
    interrupted(client, server, target)
    server.on("HEAD /artifacts/job-1/app", Reply(headers={"ETag": '"one"'}))
    server.on(URL, rest_of('"one"'))
    assert client.fetch_artifact(app(), target) == len(BODY)
    assert target.read_bytes() == BODY
    assert [seen.headers.get("range") for seen in requests_for(server)] == [f"bytes={HALF}-"]
    assert parts(target) == []


def test_bytes_of_two_versions_never_meet(client: Client, server: AnsweringServer, target: Path) -> None:
    interrupted(client, server, target)
    server.on("HEAD /artifacts/job-1/app", Reply(headers={"ETag": '"two"'}))
    server.on(URL, whole('"two"', b"new"))
    assert client.fetch_artifact(app(3), target) == 3
    assert target.read_bytes() == b"new"
    assert "range" not in requests_for(server)[0].headers
    assert parts(target) == []


def test_a_version_that_changes_between_two_attempts(client: Client, server: AnsweringServer, target: Path) -> None:
    server.on(URL, broken(), whole('"two"', b"new"))
    assert client.fetch_artifact(app(3), target) == 3
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_validator_everything_comes_again(
    client: Client, server: AnsweringServer, target: Path, etag: str
) -> None:
    headers = {"ETag": etag} if etag else {}
    server.on(URL, broken(etag=etag), Reply((BODY,), headers=headers))
    assert client.fetch_artifact(app(), target) == len(BODY)
    assert "range" not in requests_for(server)[-1].headers
    assert target.read_bytes() == BODY


def test_a_range_past_the_end_means_everything_anew(client: Client, server: AnsweringServer, target: Path) -> None:
    server.on(URL, broken(), refusal(416, "no such range"), whole('"one"'))
    assert client.fetch_artifact(app(), target) == len(BODY)
    assert target.read_bytes() == BODY


def test_another_size_than_the_list_says_is_an_error(client: Client, server: AnsweringServer, target: Path) -> None:
    server.on(URL, whole())
    with pytest.raises(UnexpectedAnswer, match=f"{len(BODY)} bytes instead of 7"):
        client.fetch_artifact(app(7), target)
    assert list(target.parent.iterdir()) == []


def test_it_gives_up_when_nothing_comes_any_more(client: Client, server: AnsweringServer, target: Path) -> None:
    server.on(URL, *[broken(n * 1000) for n in (1, 2, 3)], broken_at_once())
    errors: list[Exception] = []
    with pytest.raises(ForeignAnswer):
        client.fetch_artifact(app(), target, on_reconnect=errors.append)
    assert download.ATTEMPTS - 1 <= len(errors) <= download.ATTEMPTS + 2


def test_an_unknown_file_is_no_reason_to_try_again(client: Client, server: AnsweringServer, target: Path) -> None:
    with pytest.raises(NotFound):
        client.fetch_artifact(app(), target)
    assert server.count(URL) == 2  # once more after the server has named itself: a proxy says the same


def test_what_was_there_is_replaced_only_by_the_whole(client: Client, server: AnsweringServer, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"old")
    server.on(URL, broken_at_once())
    with pytest.raises(ForeignAnswer):
        client.fetch_artifact(app(), target)
    assert target.read_bytes() == b"old"
    server.on(URL, whole())
    client.fetch_artifact(app(), target)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127], ids=["ascii", "utf-8"])
def test_the_longest_name_can_be_downloaded_and_continued(
    client: Client, server: AnsweringServer, target: Path, name: str
) -> None:
    server.on(URL, broken_at_once())
    with pytest.raises(ForeignAnswer):
        client.fetch_artifact(app(), target.with_name(name))
    server.on(URL, whole())
    assert client.fetch_artifact(app(), target.with_name(name)) == len(BODY)
    assert [path.name for path in target.parent.iterdir()] == [name]
