"""Downloads in part, and what need not be sent again."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from cictl_testing.server import RunningServer


@pytest.fixture
def url(server: RunningServer) -> str:
    """The address of an artifact of ten bytes."""
    server.enqueue()
    job = server.running()
    upload = {"agent_id": "a", "artifacts": [{"path": "f.bin", "data_base64": "MDEyMzQ1Njc4OQ=="}]}
    assert server.post(f"/api/v1/jobs/{job.id}/artifacts", upload).status_code == 200
    return f"/artifacts/{job.id}/f.bin"


@pytest.mark.parametrize(
    ("wanted", "status", "content", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        (f"bytes={'9' * 5000}-", 400, b"Range must be of numbers that a file could have\n", None),
    ],
)
def test_ranges(
    server: RunningServer, url: str, wanted: str, status: int, content: bytes, content_range: str | None
) -> None:
    answer = server.get(url, headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers.get("Content-Range") == content_range
    assert answer.headers.get("Accept-Ranges") == "bytes"


def test_head_tells_the_size(server: RunningServer, url: str) -> None:
    answer = server.http.simulate_head(url)
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, "10", b"")
    assert server.http.simulate_head(url + "x").status_code == 404


def test_a_known_file_is_not_sent_again(server: RunningServer, url: str) -> None:
    etag = server.get(url).headers["ETag"]
    for given in (etag, f'"other", {etag}', "*", f"W/{etag}"):
        answer = server.get(url, headers={"If-None-Match": given})
        assert (answer.status_code, answer.content) == (304, b"")
    assert server.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(("ahead", "status"), [(0, 304), (3600, 304), (-3600, 200), (None, 200)])
def test_a_file_that_has_not_changed_since_is_not_sent_again(
    server: RunningServer, url: str, ahead: int | None, status: int
) -> None:
    last = parsedate_to_datetime(server.get(url).headers["Last-Modified"])
    since = "yesterday" if ahead is None else format_datetime(last + timedelta(seconds=ahead), usegmt=True)
    assert server.get(url, headers={"If-Modified-Since": since}).status_code == status
    other = {"If-Modified-Since": since, "If-None-Match": '"other"'}
    assert server.get(url, headers=other).status_code == 200


def test_a_range_of_another_version_is_the_whole_file(server: RunningServer, url: str) -> None:
    etag = server.get(url).headers["ETag"]
    assert server.get(url, headers={"Range": "bytes=5-", "If-Range": etag}).status_code == 206
    assert server.get(url, headers={"Range": "bytes=5-", "If-Range": '"old"'}).status_code == 200


@pytest.mark.parametrize("query", ["", "view=state"])
def test_an_unchanged_job_is_not_sent_again(server: RunningServer, query: str) -> None:
    job_id = server.enqueue()
    path = f"/api/v1/jobs/{job_id}"
    etag = server.get(path, query_string=query).headers["ETag"]
    unchanged = server.get(path, query_string=query, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    server.running()
    changed = server.get(path, query_string=query, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.json["job_execution"]["status"]) == (200, "running")
