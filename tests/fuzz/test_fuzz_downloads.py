"""Names of artifacts on their way into headers, addresses and zips, and bodies that say what they are not."""

from __future__ import annotations

import base64
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import Path

import falcon.testing
import pytest
from cictl_testing.fuzz.budget import fuzzed
from cictl_testing.server import RunningServer
from hypothesis import given
from hypothesis import strategies as st

from cictl.wire.results.artifacts import ArtifactData, ArtifactUpload

CONTENT = b"0123456789"
PARTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
    st.sampled_from(
        [
            "a.html",
            "a\r\nSet-Cookie: b=c",
            'a"; filename="b',
            "a%2fb",
            "%00",
            "a;b",
            "é",
            "\u202egnp.exe",
            "data:text,",
            "a?b#c",
            "..a",
            "~",
            "a\tb",
            "-",
            "test-report.json",
            "%",
            "a+b",
            "x" * 255,
            "con.txt",
            "a\x7f",
            "\x85",
            "\u2028",
        ]
    ),
)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
RANGES = st.none() | st.builds("bytes={}-{}".format, *[st.sampled_from(["", "0", "3", "9", "10", "99", "9" * 18])] * 2)
TYPES = st.sampled_from(
    ["application/json", "multipart/form-data; boundary=b", "multipart/form-data", 'multipart/mixed; boundary="', "text/plain",
     "application/x-www-form-urlencoded", "application/json; charset=utf-16", "é", "", "a/b; boundary=" + "x" * 3000]
)  # fmt: skip
BODIES = st.sampled_from(
    [b"", b"{}", b"--b\r\nContent-Disposition: form-data; name=\"agent_id\"\r\n\r\na\r\n--b--\r\n", b"agent_id=a", b"--b--",
     b'{"agent_id":"a"}', b'{"agent_id":"a","artifacts":[{"path":"x","data_base64":"eA=="}]}', b"--b\r\n" * 500]
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A server with a running execution. Each upload replaces the one before, so examples don't meet."""

    server: RunningServer
    job_id: str


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    server = RunningServer(tmp_path / "data")
    server.enqueue()
    yield Ground(server=server, job_id=server.running().id)
    server.close()


def filename(answer: falcon.testing.Result) -> str:
    """Return the name that a browser takes from the headers, which hold nothing that could end one."""
    for value in answer.headers.values():
        assert not re.search(r"[\x00-\x1f\x7f]", value), value
        value.encode("ascii")
    message = Message()
    message["Content-Disposition"] = answer.headers["Content-Disposition"]
    assert message.get_content_disposition() == "attachment"
    assert len(message.get_params([], header="Content-Disposition")) == 2
    return collapse_rfc2231_value(message.get_param("filename", header="Content-Disposition") or "")


@fuzzed(examples=60)
@given(path=PATHS, range_=RANGES)
def test_an_artifact_comes_back_under_its_name(ground: Ground, path: str, range_: str | None) -> None:
    upload = ArtifactUpload(
        agent_id="a", artifacts=[ArtifactData(path=path, data_base64=base64.b64encode(CONTENT).decode())]
    )
    server = ground.server
    answer = server.post(f"/api/v1/jobs/{ground.job_id}/artifacts", upload)
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        return
    [artifact] = answer.json["artifacts"]
    headers = {} if range_ is None else {"Range": range_}
    got = server.get(artifact["url"], headers=headers)
    head = server.http.simulate_head(artifact["url"], headers=headers)
    assert filename(got) == filename(head)
    check_name(filename(got), artifact["path"].rpartition("/")[2])
    own = {"x-request-id"}
    assert {k: v for k, v in got.headers.items() if k not in own} == {
        k: v for k, v in head.headers.items() if k not in own
    }
    check_range(got, range_)
    first = artifact["path"].partition("/")[0]
    below = server.get(f"/api/v1/jobs/{ground.job_id}/artifacts/download", params={"prefix": first})
    if not first.strip():
        assert (below.status_code, below.text) == (400, "invalid prefix\n")
        return
    assert re.fullmatch(r"[A-Za-z0-9._-]+-artifacts\.zip", filename(below))
    with zipfile.ZipFile(io.BytesIO(below.content)) as archive:
        assert {info.filename: archive.read(info) for info in archive.infolist()} == {artifact["path"]: CONTENT}


def check_name(shown: str, name: str) -> None:
    """Compare the name that a browser gets with that of the artifact: only what would steer a reader is replaced."""
    steering = {"Cc", "Cf", "Zl", "Zp"}
    assert len(shown) == len(name)
    for new, old in zip(shown, name, strict=True):
        assert new == old or (new == "_" and unicodedata.category(old) in steering)
    assert not {"\n", "\r", "\x1b", "\x7f", "\x85", "\u2028", "\u202e"} & set(shown)


def check_range(answer: falcon.testing.Result, range_: str | None) -> None:
    """Compare the answer with what RFC 9110, 14 says of a file of ten bytes."""
    first, last = (range_ or "bytes=-").removeprefix("bytes=").split("-")
    if (first, last) == ("", "") or (first and last and int(last) < int(first)):
        assert (answer.status_code, answer.content) == (200, CONTENT)
        return
    wanted = CONTENT[int(first) : int(last) + 1 if last else None] if first else CONTENT[max(0, 10 - int(last)) :]
    assert (answer.status_code, answer.content) == ((206, wanted) if wanted else (416, b""))


@fuzzed(examples=60)
@given(type_=TYPES, body=BODIES, path=st.sampled_from(["artifacts", "artifacts/upload-zip", "tests", "status"]))
def test_what_a_body_says_it_is_changes_nothing(ground: Ground, type_: str, body: bytes, path: str) -> None:
    """Forms are no way in: the server takes the bytes for what the route takes, whatever their type."""
    answers = []
    for headers in ({}, {"Content-Type": type_}):
        place = f"/api/v1/jobs/{ground.job_id}/{path}"
        answer = ground.server.http.simulate_post(place, body=body, headers={**headers, "X-CIWI-Agent-ID": "a"})
        answers.append((answer.status_code, answer.content))
    assert answers[0] == answers[1]
    assert answers[0][0] < 500
