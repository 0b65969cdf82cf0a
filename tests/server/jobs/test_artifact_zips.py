"""Artifacts that come as a zip: what its directory may say, its links, and what is no zip."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import zipfile

import pytest
from cictl_testing.files import zipped
from cictl_testing.server import RunningServer

from cictl.base.names.artifact_paths import link_entry
from cictl.wire.jobs import JobExecution
from cictl.wire.results.artifacts import ArtifactList
from tests.server.jobs.test_artifacts import job, limit, paths, upload_zip

__all__ = ["job"]


def with_directory_of(count: int, *, declared: int) -> bytes:
    """Return a zip whose directory has *count* entries, and which says that it has *declared*."""
    body = zipped({"a": b""})
    end = body.rfind(b"PK\5\6")
    start = body.find(b"PK\1\2")
    directory = body[start:end] * count
    fields = list(struct.unpack("<4s4H2LH", body[end:]))
    fields[3:6] = declared, declared, len(directory)
    return body[:start] + directory + struct.pack("<4s4H2LH", *fields)


@pytest.mark.parametrize("declared", [1000, 1], ids=["honest", "lying"])
def test_a_zips_directory_is_counted_before_it_is_read(
    server: RunningServer, job: JobExecution, monkeypatch: pytest.MonkeyPatch, declared: int
) -> None:
    limit(server, files=10)
    body = with_directory_of(1000, declared=declared)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # it would make an object of each entry
    answer = upload_zip(server, job.id, body)
    shown = 1000 if declared == 1000 else "the zip's directory is larger than 10"
    assert (answer.status_code, str(shown) in answer.text) == (413, True)


def test_entries_beyond_the_declared_ones_are_counted(server: RunningServer, job: JobExecution) -> None:
    limit(server, files=10)
    answer = upload_zip(server, job.id, with_directory_of(11, declared=1))
    assert (answer.status_code, answer.text) == (413, "11 artifacts; the limit --max-artifact-files is 10\n")


def test_a_zip_that_grows_beyond_measure_is_refused(server: RunningServer, job: JobExecution) -> None:
    body = bytearray(zipped({"zeros": b"\0" * 5_000_000}))
    position = body.rfind(b"PK\1\2") + 24
    body[position : position + 4] = (3 << 30).to_bytes(4, "little")
    answer = upload_zip(server, job.id, bytes(body))
    assert answer.status_code == 413
    assert answer.text.endswith("the limit beyond 1.0 GiB is 200 times the zip's size\n")


def test_what_is_not_a_zip_is_refused(server: RunningServer, job: JobExecution) -> None:
    answer = upload_zip(server, job.id, b"nonsense")
    assert answer.status_code == 400
    assert answer.text.startswith("read artifact zip: ")


@pytest.mark.weakness("A8.2a")
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_zips_are_refused(server: RunningServer, job: JobExecution, method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a", bytes(range(64)))
    whole = buffer.getvalue()
    statuses = {
        upload_zip(server, job.id, whole[:position] + b"\xff" + whole[position + 1 :]).status_code
        for position in range(len(whole))
    }
    # Some bytes, such as those of times, are damaged without harm; others make a size that is beyond a limit.
    assert statuses - {413} == {200, 400}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_takes_little_memory_however_it_is_compressed(
    server: RunningServer, job: JobExecution, method: int
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("zeros", bytes(64 << 20))
    tracemalloc.start()
    answer = upload_zip(server, job.id, buffer.getvalue())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, peak < 16 << 20) == (400, True)
    assert answer.text == f'read artifact zip: "zeros" is compressed by method {method}\n'


def test_an_entry_without_a_name_is_refused(server: RunningServer, job: JobExecution) -> None:
    body = zipped({"": b"x"})
    assert upload_zip(server, job.id, body).text == 'invalid artifact path: ""\n'


def zip_with_links(files: dict[str, bytes], links: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, target in links.items():
            archive.writestr(link_entry(path), target)
        for path, data in files.items():
            archive.writestr(path, data)
    return buffer.getvalue()


LIBRARY = zip_with_links(
    {"lib/x.so.1.2": b"code"}, {"lib/x.so": "x.so.1", "lib/x.so.1": "x.so.1.2", "bin/x": "../lib/x.so"}
)


def test_links_are_listed_as_links_and_stored_once(server: RunningServer, job: JobExecution) -> None:
    assert upload_zip(server, job.id, LIBRARY).status_code == 200
    listed = server.read(ArtifactList, f"/api/v1/jobs/{job.id}/artifacts").artifacts or []
    assert [(a.path, a.link, a.size_bytes) for a in listed] == [
        ("lib/x.so", "lib/x.so.1", 4),
        ("lib/x.so.1", "lib/x.so.1.2", 4),
        ("bin/x", "lib/x.so", 4),
        ("lib/x.so.1.2", "", 4),
    ]
    assert server.get(f"/artifacts/{job.id}/bin/x").content == b"code"
    stored = [path for path in (server.directory / "artifacts").rglob("*") if not path.is_dir()]
    assert [(path.name, path.is_symlink()) for path in stored] == [("x.so.1.2", False)]


@pytest.mark.parametrize(
    ("query", "links"),
    [
        pytest.param("", {}, id="copies-for-those-who-do-not-ask"),
        pytest.param(
            "links=true", {"lib/x.so": "x.so.1", "lib/x.so.1": "x.so.1.2", "bin/x": "../lib/x.so"}, id="links"
        ),
    ],
)
def test_archives_have_links_for_those_who_ask(
    server: RunningServer, job: JobExecution, query: str, links: dict[str, str]
) -> None:
    upload_zip(server, job.id, LIBRARY)
    answer = server.get(f"/api/v1/jobs/{job.id}/artifacts/download-all", query_string=query)
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    found = {i.filename: archive.read(i).decode() for i in archive.infolist() if stat.S_ISLNK(i.external_attr >> 16)}
    assert found == links
    assert {archive.read(name) for name in archive.namelist() if name not in links} == {b"code"}


def test_link_out_of_the_wanted_part_is_a_copy(server: RunningServer, job: JobExecution) -> None:
    upload_zip(server, job.id, LIBRARY)
    answer = server.get(f"/api/v1/jobs/{job.id}/artifacts/download", query_string="prefix=bin&links=true")
    assert zipfile.ZipFile(io.BytesIO(answer.content)).read("bin/x") == b"code"


@pytest.mark.weakness("A8.2a")
@pytest.mark.parametrize(
    "target",
    ["/etc/passwd", "../../x", "nowhere", "link", "other", "sub", "", "..\\..\\x", "file/../../../x", "x" * 5000],
)
def test_links_to_anything_but_artifacts_are_refused(server: RunningServer, job: JobExecution, target: str) -> None:
    body = zip_with_links({"file": b"1", "sub/file": b"2"}, {"sub/link": target, "sub/other": "link"})
    answer = upload_zip(server, job.id, body)
    assert answer.status_code == 400
    assert answer.text.startswith('invalid artifact path: "sub/')
    assert paths(server, job.id) == []


def test_special_files_are_refused(server: RunningServer, job: JobExecution) -> None:
    assert upload_zip(server, job.id, zipped({"pipe": b""}, mode=stat.S_IFIFO)).status_code == 400


@pytest.mark.weakness("A1.6")
def test_an_entry_larger_than_it_says_is_refused(server: RunningServer, job: JobExecution) -> None:
    body = bytearray(zipped({"bomb": b"x" * 1000}))
    position = body.rfind(b"PK\x01\x02") + 24
    body[position : position + 4] = (10).to_bytes(4, "little")
    assert upload_zip(server, job.id, bytes(body)).status_code == 400
    assert paths(server, job.id) == []


def test_the_executable_bit_survives(server: RunningServer, job: JobExecution) -> None:
    upload_zip(server, job.id, zipped({"tool": b"#!"}, mode=0o755))
    archive = zipfile.ZipFile(io.BytesIO(server.get(f"/api/v1/jobs/{job.id}/artifacts/download-all").content))
    assert archive.getinfo("tool").external_attr >> 16 & 0o777 == 0o755
