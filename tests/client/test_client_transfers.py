from __future__ import annotations

import io
from pathlib import Path

import pytest
from cictl_testing.servers.answers import AnsweringServer, Reply, drop, refusal, reply

from cictl.wire.results.artifacts import Artifact, ArtifactList
from cictl_client import Client, NotFound, UnexpectedAnswer, Unreachable

MIB = 1 << 20


def artifact(path: str, url: str) -> Artifact:
    return Artifact(id=1, job_execution_id="job-1", path=path, url=url, size_bytes=3)


APP = artifact("app", "/artifacts/job-1/app")


class Sink(io.RawIOBase):
    """Counts what is written, and keeps none of it."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def write(self, data: object) -> int:
        assert isinstance(data, bytes)
        self.sizes.append(len(data))
        return len(data)


class CountedFile(io.FileIO):
    """A file that remembers how much was read at once."""

    def __init__(self, path: Path, mode: str) -> None:
        super().__init__(path, mode)
        self.asked: list[int] = []

    def read(self, size: int | None = -1) -> bytes:
        self.asked.append(-1 if size is None else size)
        return super().read(-1 if size is None else size) or b""


def test_download_tells_its_progress(client: Client, server: AnsweringServer) -> None:
    body = bytes(range(256)) * 4096
    server.on("GET /artifacts/job-1/app", Reply((body,), kind="application/octet-stream"))
    sink, told = io.BytesIO(), list[int]()
    assert client.download_artifact(APP, sink, progress=told.append) == MIB
    assert sink.getvalue() == body
    assert told == sorted(told)
    assert told[-1] == MIB


def test_download_is_never_whole_in_memory(client: Client, server: AnsweringServer) -> None:
    block = b"x" * MIB
    server.on("GET /api/v1/jobs/job-1/artifacts/download-all", Reply((block,) * 40, kind="application/zip"))
    sink = Sink()
    assert client.download_all("job-1", sink) == 40 * MIB  # type: ignore[arg-type]
    assert max(sink.sizes) <= 1 << 18


@pytest.mark.parametrize(
    ("path", "url", "target"),
    [
        pytest.param(
            "a b#1?.txt", "/artifacts/job-1/a b#1?.txt", "/artifacts/job-1/a%20b%231%3F.txt", id="not-encoded"
        ),
        pytest.param("a b%.txt", "/artifacts/job-1/a%20b%25.txt", "/artifacts/job-1/a%20b%25.txt", id="encoded"),
        pytest.param("a%20b", "/artifacts/job-1/a%20b", "/artifacts/job-1/a%2520b", id="percent-not-encoded"),
    ],
)
def test_name_of_an_artifact_survives_the_way(
    client: Client, server: AnsweringServer, path: str, url: str, target: str
) -> None:
    with pytest.raises(NotFound):
        client.download_artifact(artifact(path, url), io.BytesIO())
    assert server.seen[0].target == target


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "99"}], ids=["chunked", "sized"])
def test_download_that_breaks_off_is_no_success(
    client: Client, server: AnsweringServer, headers: dict[str, str]
) -> None:
    server.on("GET /artifacts/job-1/app", Reply((b"half", drop), headers=headers))
    with pytest.raises(Unreachable, match="the connection broke"):
        client.download_artifact(APP, io.BytesIO())


def test_refused_download_writes_nothing(client: Client, server: AnsweringServer) -> None:
    server.on("GET /artifacts/job-1/app", refusal(404, "404 page not found"))
    sink = io.BytesIO()
    with pytest.raises(NotFound):
        client.download_artifact(APP, sink)
    assert sink.getvalue() == b""


@pytest.mark.parametrize("host", ["http://elsewhere.invalid", "{url}.invalid", "{url}@elsewhere.invalid"])
def test_download_from_another_host_is_refused(client: Client, server: AnsweringServer, host: str) -> None:
    url = host.format(url=server.url) + "/artifacts/job-1/app"
    with pytest.raises(UnexpectedAnswer, match="not on it"):
        client.download_artifact(artifact("app", url), io.BytesIO())
    assert server.seen == []


def test_upload_names_the_agent_and_its_size(client: Client, server: AnsweringServer) -> None:
    server.on("POST /api/v1/jobs/job-1/artifacts/upload-zip", reply(ArtifactList(artifacts=[APP])))
    assert client.upload_artifacts_zip("job-1", "a", io.BytesIO(b"PK\x05\x06")) == [APP]
    headers = server.seen[0].headers
    assert (headers["content-type"], headers["x-ciwi-agent-id"]) == ("application/zip", "a")
    assert (headers["content-length"], server.seen[0].body) == ("4", b"PK\x05\x06")


def test_upload_is_never_whole_in_memory(client: Client, server: AnsweringServer, tmp_path: Path) -> None:
    server.on("POST /api/v1/jobs/job-1/artifacts/upload-zip", reply(ArtifactList(artifacts=None)))
    with CountedFile(tmp_path / "big.zip", "w+") as file:
        file.truncate(32 * MIB)
        client.upload_artifacts_zip("job-1", "a", file)
    assert len(server.seen[0].body) == 32 * MIB
    assert set(file.asked) <= set(range(1, MIB + 1))
    assert len(file.asked) >= 32
