"""The icon of a project: which file of the repository it is, and how it is served."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cictl_testing.files import git
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer

FILE = "version: 1\nproject: {name: shop}\npipelines: [{id: build, jobs: [{id: j, steps: [{run: x}]}]}]\n"
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
ICON = "/api/v1/projects/1/icon"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path)
    made.commit({"cictl.yaml": FILE})
    return made


def add(origin: Origin, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = origin.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    origin.commit({})


@pytest.mark.parametrize(
    ("files", "expected", "media_type"),
    [
        pytest.param({"docs/Logo.PNG": PNG}, PNG, "image/png", id="name in any case, anywhere"),
        pytest.param({"icon.png": JPEG}, JPEG, "image/jpeg", id="the content tells what it is"),
        pytest.param({"my-icons.bmp": b"BM."}, b"BM.", "image/bmp", id="bitmap"),
        pytest.param({"icon.png": PNG, "logo.png": PNG + b"."}, PNG + b".", "image/png", id="the larger one"),
        pytest.param({"a/icon.png": PNG + b"1", "logo.png": PNG + b"2"}, PNG + b"2", "image/png", id="the nearer one"),
        pytest.param(
            {"b-icon.png": PNG + b"1", "a-icon.png": PNG + b"2"}, PNG + b"2", "image/png", id="the first path"
        ),
        pytest.param({"icon.png": b"<svg/> is text", "logo.png": PNG}, PNG, "image/png", id="no image is passed over"),
        pytest.param({"icon.png": PNG.ljust(512_001), "logo.png": PNG}, PNG, "image/png", id="too large"),
        pytest.param({"icon.png": b"", "logo.png": PNG}, PNG, "image/png", id="empty"),
        pytest.param({"icon\n\x07.png": PNG}, PNG, "image/png", id="odd name"),
    ],
)
def test_which_file_is_the_icon(
    server: RunningServer, origin: Origin, files: dict[str, bytes], expected: bytes, media_type: str
) -> None:
    add(origin, files)
    import_project(server, origin.url)
    answer = server.get(ICON)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, expected, media_type)
    assert answer.headers["etag"] == f'"{hashlib.sha256(expected).hexdigest()}"'
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "files", [{}, {"picture.png": PNG}, {"icon.svg": b"<svg/>"}, {"icon.png": b"GIF89a"}, {"icons/a.png": PNG}]
)
def test_no_file_fits(server: RunningServer, origin: Origin, files: dict[str, bytes]) -> None:
    add(origin, files)
    import_project(server, origin.url)
    answer = server.get(ICON)
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")


def test_a_link_is_no_icon(server: RunningServer, origin: Origin) -> None:
    (origin.work / "icon.png").symlink_to("BM: a link's text could pass for an image")
    origin.commit({})
    import_project(server, origin.url)
    assert server.get(ICON).status_code == 404


@pytest.mark.parametrize(("known", "code"), [("*", 304), ('"x", {}', 304), ("{}", 304), ("W/{}", 200), ('"x"', 200)])
def test_a_client_that_has_it_gets_no_bytes(server: RunningServer, origin: Origin, known: str, code: int) -> None:
    add(origin, {"icon.png": PNG})
    import_project(server, origin.url)
    etag = server.get(ICON).headers["etag"]
    answer = server.get(ICON, headers={"If-None-Match": known.format(etag)})
    assert (answer.status_code, bool(answer.content)) == (code, code == 200)
    assert (answer.headers["etag"], answer.headers["cache-control"]) == (etag, "public, max-age=300")


def test_it_survives_a_restart_without_the_remote(server: RunningServer, origin: Origin) -> None:
    add(origin, {"icon.png": PNG})
    import_project(server, origin.url)
    origin.hide()
    server.restart()
    assert server.get(ICON).content == PNG


def test_a_reload_replaces_it_and_drops_it(server: RunningServer, origin: Origin) -> None:
    add(origin, {"icon.png": PNG})
    import_project(server, origin.url)
    add(origin, {"icon.png": PNG + b"new"})
    assert server.post("/api/v1/projects/1/reload").status_code == 200
    assert server.get(ICON).content == PNG + b"new"
    git(origin.work, "rm", "-q", "icon.png")
    origin.commit({})
    server.post("/api/v1/projects/1/reload")
    assert server.get(ICON).status_code == 404


def test_it_goes_with_its_project(server: RunningServer, origin: Origin) -> None:
    add(origin, {"icon.png": PNG})
    import_project(server, origin.url)
    assert server.http.simulate_delete("/api/v1/projects/1").status_code == 204
    assert server.get(ICON).status_code == 404


def test_a_disk_that_takes_no_icon_does_not_fail_the_import(server: RunningServer, origin: Origin) -> None:
    (server.directory / "icons").write_bytes(b"in the way")
    add(origin, {"icon.png": PNG})
    import_project(server, origin.url)
    assert server.get(ICON).status_code == 404


def test_other_methods_and_ids(server: RunningServer) -> None:
    assert server.post(ICON).status_code == 405
    assert server.get("/api/v1/projects/x/icon").text == "invalid project id\n"
