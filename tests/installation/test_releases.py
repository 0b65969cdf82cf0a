"""Sources of releases, against a server on the loopback."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.servers.release_server import REPOSITORY, ReleaseServer

from cictl.installation.releases.github import GithubSource
from cictl.installation.releases.index import SimpleSource
from cictl.installation.releases.release import Asset, ReleaseError, ReleaseSource, read_checksums
from cictl.installation.releases.settings import ReleaseSettings
from cictl.installation.releases.sources import open_source
from cictl.installation.releases.web import Web, WebError

WHEEL = "cictl-1.2.3-py3-none-any.whl"
LOCK = "cictl-1.2.3-requirements.txt"
FILES = {WHEEL: b"wheel of 1.2.3", LOCK: b"falcon==4.0.0 --hash=sha256:00\n"}
API = f"/repos/{REPOSITORY}"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Time:
    """A clock that the pauses between attempts move."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def releases() -> Iterator[ReleaseServer]:
    server = ReleaseServer()
    server.publish("v1.2.2", {"cictl-1.2.2-py3-none-any.whl": b"older"})
    server.publish("v1.2.3", FILES)
    yield server
    server.close()


def web(time: Time, *, token: str = "", token_url: str = "") -> Web:
    return Web(token=token, token_url=token_url, clock=lambda: time.now, pause=time.pause)


def settings(releases: ReleaseServer, **fields: Any) -> ReleaseSettings:
    return ReleaseSettings(api_base=releases.url, repository=REPOSITORY, index_url=f"{releases.url}/simple", **fields)


@pytest.fixture
def github(releases: ReleaseServer, time: Time) -> GithubSource:
    return GithubSource(settings(releases), web(time))


@pytest.fixture(params=["json", "html"])
def simple(request: pytest.FixtureRequest, releases: ReleaseServer, time: Time) -> SimpleSource:
    releases.simple_form = request.param
    return SimpleSource(settings(releases), web(time))


def test_the_latest_release_with_its_files(github: GithubSource, releases: ReleaseServer, tmp_path: Path) -> None:
    release = github.latest()
    assert (release.tag, release.page_url) == ("v1.2.3", f"{releases.url}/releases/v1.2.3")
    fetched = github.fetch(release, tmp_path / "v1.2.3")
    assert fetched.wheel.read_bytes() == FILES[WHEEL]
    assert fetched.wheel_sha256 == sha256(FILES[WHEEL])
    assert fetched.requirements is not None
    assert fetched.requirements.read_bytes() == FILES[LOCK]
    assert sorted(path.name for path in (tmp_path / "v1.2.3").iterdir()) == sorted(FILES)


def test_an_older_release_by_its_tag(github: GithubSource, tmp_path: Path) -> None:
    release = github.get("v1.2.2")
    assert (release.tag, release.requirements) == ("v1.2.2", None)
    assert github.fetch(release, tmp_path).requirements is None


def test_what_the_files_are_asked_for_as(github: GithubSource, releases: ReleaseServer, tmp_path: Path) -> None:
    github.fetch(github.latest(), tmp_path)
    asked = {seen.path: seen.headers for seen in releases.seen}
    assert asked[f"{API}/releases/latest"]["accept"] == "application/vnd.github+json"
    assert asked[f"/assets/v1.2.3/{WHEEL}"]["accept"] == "application/octet-stream"
    assert {headers["user-agent"] for headers in asked.values()} == {"cictl-updater"}


@pytest.mark.weakness("U11")
def test_a_tag_is_one_part_of_the_address(github: GithubSource, releases: ReleaseServer) -> None:
    with pytest.raises(ReleaseError, match="status=404"):
        github.get("v1/../latest?x#y")
    assert releases.paths() == [f"{API}/releases/tags/v1%2F..%2Flatest%3Fx%23y"]


def answers(body: bytes) -> Callable[[ReleaseServer], None]:
    return lambda server: server.replies.update({f"{API}/releases/latest": body})


def publishes(files: dict[str, bytes], checksums: str | None = None) -> Callable[[ReleaseServer], None]:
    return lambda server: server.publish("v1.2.4", files, checksums=checksums)


NEW = {"cictl-1.2.4-py3-none-any.whl": b"new"}


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        pytest.param(
            lambda server: server.faults.update({API: [403]}),
            "latest release query failed: status=403 body=out of order",
            id="refused",
        ),
        pytest.param(
            lambda server: server.faults.update({API: [500] * 3}),
            "latest release query failed: status=500 body=out of order",
            id="broken",
        ),
        pytest.param(lambda server: server.close(), "request latest release: 127.0.0.1:", id="gone"),
        pytest.param(
            answers(b"x" * (3 << 20)), "request latest release: the answer is larger than 2097152 bytes", id="endless"
        ),
        pytest.param(answers(b"<html>"), "decode latest release: ", id="not JSON"),
        pytest.param(answers(b'{"tag_name": 5}'), "decode latest release: ", id="another shape"),
        pytest.param(
            answers(b'{"tag_name": "nightly"}'), 'latest release has an unsupported tag "nightly"', id="another tag"
        ),
        pytest.param(
            publishes({"other.zip": b""}),
            'latest release has no compatible asset "cictl-1.2.4-py3-none-any.whl"',
            id="no wheel",
        ),
        pytest.param(
            publishes(NEW, ""),
            'latest release has no checksum asset (expected "cictl-checksums.txt")',
            id="no checksums",
        ),
    ],
)
def test_why_a_release_cannot_be_had(
    github: GithubSource, releases: ReleaseServer, prepare: Callable[[ReleaseServer], None], text: str
) -> None:
    prepare(releases)
    with pytest.raises(ReleaseError) as raised:
        github.latest()
    assert str(raised.value).startswith(text)


@pytest.mark.parametrize(
    ("checksums", "text"),
    [
        pytest.param(f"{'0' * 64}  {next(iter(NEW))}\n", "checksum verification failed: ", id="another sum"),
        pytest.param(
            f"{'0' * 64}  other.whl\n",
            "checksum verification failed: no checksum for cictl-1.2.4-py3-none-any.whl",
            id="not in the list",
        ),
        pytest.param("nonsense", "checksum verification failed: ", id="no list at all"),
    ],
)
def test_a_file_that_is_not_as_listed_is_deleted(
    github: GithubSource, releases: ReleaseServer, tmp_path: Path, checksums: str, text: str
) -> None:
    releases.publish("v1.2.4", NEW, checksums=checksums)
    with pytest.raises(ReleaseError) as raised:
        github.fetch(github.latest(), tmp_path)
    assert str(raised.value).startswith(text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [WHEEL, LOCK, "cictl-checksums.txt"])
def test_a_download_that_fails_leaves_nothing(
    github: GithubSource, releases: ReleaseServer, tmp_path: Path, name: str
) -> None:
    release = github.latest()
    releases.faults[f"/assets/v1.2.3/{name}"] = [404]
    kind = "checksum" if name.endswith("checksums.txt") else "update"
    with pytest.raises(ReleaseError, match=f"download {kind} asset: status=404"):
        github.fetch(release, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_checksums_may_be_done_without_where_that_is_said(releases: ReleaseServer, time: Time, tmp_path: Path) -> None:
    releases.publish("v1.2.4", NEW, checksums="")
    source = GithubSource(settings(releases, requires_checksum=False), web(time))
    assert source.fetch(source.latest(), tmp_path).wheel.read_bytes() == b"new"


def test_the_grammar_of_checksums() -> None:
    text = "# a comment\n\nAA  plain.whl\nbb *starred.txt\ncc  - last-column.txt\nlonely\n#dd hidden\n"
    assert read_checksums(text) == {"plain.whl": "aa", "starred.txt": "bb", "last-column.txt": "cc"}


def test_who_could_not_be_reached_is_named(github: GithubSource, releases: ReleaseServer) -> None:
    releases.close()
    where = releases.url.removeprefix("http://")
    with pytest.raises(ReleaseError, match=f"^request latest release: {where}: connection refused$"):
        github.latest()


def test_passing_faults_are_sat_out(github: GithubSource, releases: ReleaseServer, time: Time) -> None:
    releases.faults[API] = [500, 429]
    assert github.latest().tag == "v1.2.3"
    assert time.pauses == [1.0, 2.0]


def test_lasting_faults_are_not_tried_again(github: GithubSource, releases: ReleaseServer, time: Time) -> None:
    releases.faults[API] = [404]
    with pytest.raises(ReleaseError):
        github.latest()
    assert (len(releases.seen), time.pauses) == (1, [])


def test_an_answer_holds_for_a_minute_and_then_costs_no_rate_limit(
    github: GithubSource, releases: ReleaseServer, time: Time
) -> None:
    github.latest()
    time.now += 59.9
    assert github.latest().tag == "v1.2.3"
    assert len(releases.seen) == 1
    time.now += 0.1
    assert github.latest().tag == "v1.2.3"
    assert "if-none-match" in releases.seen[1].headers
    releases.publish("v1.2.4", NEW)
    time.now += 60
    assert github.latest().tag == "v1.2.4"


def test_a_failure_is_not_kept(github: GithubSource, releases: ReleaseServer) -> None:
    releases.faults[API] = [404]
    with pytest.raises(ReleaseError):
        github.latest()
    assert github.latest().tag == "v1.2.3"


@pytest.mark.weakness("U13")
def test_the_token_goes_to_the_api_alone(releases: ReleaseServer, time: Time, tmp_path: Path) -> None:
    """Files are redirected to another server, which never sees it, also when the other is the same host."""
    storage = ReleaseServer(releases=releases.releases)
    try:
        releases.assets_at = storage.url
        source = GithubSource(settings(releases), web(time, token="s3cret", token_url=releases.url))
        source.fetch(source.latest(), tmp_path)
        assert {seen.headers.get("authorization") for seen in releases.seen} == {"Bearer s3cret"}
        assert len(storage.seen) == 3
        assert all("authorization" not in seen.headers for seen in storage.seen)
    finally:
        storage.close()


def test_a_release_that_names_another_server_does_not_get_the_token(
    releases: ReleaseServer, time: Time, tmp_path: Path
) -> None:
    thief = ReleaseServer(releases=releases.releases)
    try:
        source = GithubSource(settings(releases), web(time, token="s3cret", token_url=releases.url))
        body = releases.answer(f"{API}/releases/latest", {})[2].replace(releases.url.encode(), thief.url.encode())
        releases.replies[f"{API}/releases/latest"] = body
        source.fetch(source.latest(), tmp_path)
        assert thief.seen
        assert all("authorization" not in seen.headers for seen in thief.seen)
    finally:
        thief.close()


def test_a_file_without_an_end_is_given_up(releases: ReleaseServer, time: Time, tmp_path: Path) -> None:
    releases.publish("v1.2.4", {"big.whl": b"x" * 2000})
    with pytest.raises(WebError, match="the answer is larger than 1999 bytes"):
        web(time).download(
            f"{releases.url}/assets/v1.2.4/big.whl", tmp_path / "big.whl", accept="*/*", limit=1999, seconds=60
        )
    assert list(tmp_path.iterdir()) == []


def test_redirects_end(github: GithubSource, releases: ReleaseServer, tmp_path: Path) -> None:
    release = github.latest()
    releases.assets_at = releases.url
    with pytest.raises(ReleaseError, match="too many redirects"):
        github.fetch(release, tmp_path)


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd#", "ftp://127.0.0.1", "http://x:port", "//x:99999", "http://[x"]
)
def test_a_redirect_stays_in_the_web(
    github: GithubSource, releases: ReleaseServer, tmp_path: Path, target: str
) -> None:
    release = github.latest()
    releases.assets_at = target
    with pytest.raises(ReleaseError, match="not an http address"):
        github.fetch(release, tmp_path)


def test_only_tags_that_have_a_release(github: GithubSource, releases: ReleaseServer) -> None:
    releases.bare_tags = ["v1.1.0", "v1.2.3", "nightly", " v1.2.2 "]
    assert github.list_tags() == ["v1.2.3", "v1.2.2"]


def test_an_api_without_a_list_of_releases_is_believed(github: GithubSource, releases: ReleaseServer) -> None:
    releases.bare_tags = ["v1.1.0", "v1.2.3", "nightly", ""]
    releases.lists_releases = False
    assert github.list_tags() == ["v1.2.3", "v1.2.2", "v1.1.0"]


def test_three_pages_of_tags(github: GithubSource, releases: ReleaseServer) -> None:
    releases.lists_releases = False
    releases.bare_tags = [f"v0.0.{n}" for n in range(400)]
    assert len(github.list_tags()) == 300
    assert releases.paths()[:3] == [f"{API}/tags?per_page=100", *(f"{API}/tags?per_page=100&page={n}" for n in (2, 3))]


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (lambda server: server.faults.update({API: [500] * 3}), "tags query failed: status=500 body=out of order"),
        (lambda server: server.close(), "request tags: 127.0.0.1:"),
        (lambda server: server.replies.update({f"{API}/tags?per_page=100": b"{}"}), "decode tags response: "),
    ],
    ids=["broken", "gone", "another shape"],
)
def test_why_there_are_no_tags(
    github: GithubSource, releases: ReleaseServer, prepare: Callable[[ReleaseServer], None], text: str
) -> None:
    prepare(releases)
    with pytest.raises(ReleaseError) as raised:
        github.list_tags()
    assert str(raised.value).startswith(text)


def test_an_index_of_packages(simple: SimpleSource, releases: ReleaseServer, tmp_path: Path) -> None:
    releases.publish("v1.3.0-rc.1", {"cictl-1.3.0rc1-py3-none-any.whl": b"soon"})
    assert simple.list_tags() == ["v1.3.0-rc.1", "v1.2.3", "v1.2.2"]
    release = simple.latest()
    assert (release.tag, release.page_url) == ("v1.2.3", f"{releases.url}/simple/cictl/")
    assert simple.fetch(release, tmp_path).wheel.read_bytes() == FILES[WHEEL]
    assert simple.fetch(simple.get("v1.3.0-rc.1"), tmp_path).wheel.read_bytes() == b"soon"


def test_wheels_of_an_index_that_are_not_for_here(simple: SimpleSource, releases: ReleaseServer) -> None:
    for tag in ("v2.0.0", "v2.0.1"):
        releases.publish(tag, {f"cictl-{tag[1:]}-py3-none-any.whl": b""})
    releases.yanked.add("v2.0.0")
    releases.requires_python["v2.0.1"] = ">=4.0"
    releases.requires_python["v1.2.3"] = ">=3.11"
    releases.publish("v2.0.2", {"cictl-2.0.2-cp311-cp311-win_arm64.whl": b"", "cictl-x.whl": b""})
    assert simple.list_tags() == ["v1.2.3", "v1.2.2"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("cictl-9.0.0-1/../../../../escaped-py3-none-any.whl", id="up"),
        pytest.param("cictl-9.0.0-py3-none-any./../../../escaped.whl", id="up in a tag"),
        pytest.param("cictl-9.0.0-1\\..\\..\\escaped-py3-none-any.whl", id="up on Windows"),
        pytest.param("cictl-9.0.0-1..-py3-none-any.whl", id="two dots"),
        pytest.param("cictl-9.0.0\n-py3-none-any.whl", id="newline"),
        pytest.param("cictl-9.0.0\x1b[2J-py3-none-any.whl", id="escape"),
        pytest.param("cictl_tools-9.0.0-py3-none-any.whl", id="another project"),
        pytest.param("requests-9.0.0-py3-none-any.whl", id="a project of others"),
    ],
)
def test_a_file_of_an_index_with_another_name_is_no_candidate(
    releases: ReleaseServer, time: Time, tmp_path: Path, name: str
) -> None:
    files = [
        {"filename": name, "url": "/assets/v1.2.2/cictl-1.2.2-py3-none-any.whl", "hashes": {"sha256": "0" * 64}},
        {"filename": WHEEL, "url": f"/assets/v1.2.3/{WHEEL}", "hashes": {"sha256": sha256(FILES[WHEEL])}},
    ]
    releases.replies["/simple/cictl/"] = json.dumps({"files": files}).encode()
    source = SimpleSource(settings(releases), web(time))
    assert source.list_tags() == ["v1.2.3"]
    folder = tmp_path / "a" / "b" / "c" / "download"
    assert source.fetch(source.latest(), folder).wheel == folder / WHEEL
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / WHEEL]


@pytest.mark.parametrize("name", ["../a.whl", "a/b.whl", "a\\b.whl", "..", ".hidden", "a\0b", "a b", "", "-r"])
def test_no_file_of_a_release_leads_out_of_its_folder(name: str) -> None:
    with pytest.raises(ReleaseError, match="a file with an unusable name"):
        Asset(name, "http://127.0.0.1/a")


def test_the_name_of_another_package_in_the_index_is_a_setting(releases: ReleaseServer, time: Time) -> None:
    releases.publish("v3.0.0", {"acme_cictl-3.0.0-py3-none-any.whl": b"ours"})
    releases.replies["/simple/Acme.cictl/"] = releases.answer("/simple/cictl/", {})[2]
    source = SimpleSource(settings(releases, package="Acme.cictl"), web(time))
    assert source.list_tags() == ["v3.0.0"]


def test_an_index_without_checksums(simple: SimpleSource, releases: ReleaseServer) -> None:
    releases.has_index_hashes = False
    with pytest.raises(ReleaseError, match=f"the index has no sha256 checksum of {WHEEL}"):
        simple.latest()


def test_a_wheel_of_an_index_that_is_not_as_told(simple: SimpleSource, releases: ReleaseServer, tmp_path: Path) -> None:
    release = simple.latest()
    releases.releases["v1.2.3"][WHEEL] = b"another"
    with pytest.raises(ReleaseError, match="checksum verification failed"):
        simple.fetch(release, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (lambda server: server.faults.update({"/simple": [404]}), "latest release query failed: status=404"),
        (lambda server: server.close(), "request latest release: 127.0.0.1:"),
        (lambda server: server.releases.clear(), "latest release: the index has no compatible wheel of cictl"),
    ],
    ids=["unknown", "gone", "empty"],
)
def test_why_an_index_has_no_release(
    simple: SimpleSource, releases: ReleaseServer, prepare: Callable[[ReleaseServer], None], text: str
) -> None:
    prepare(releases)
    with pytest.raises(ReleaseError) as raised:
        simple.latest()
    assert str(raised.value).startswith(text)


def test_no_index_at_all(time: Time) -> None:
    source = SimpleSource(ReleaseSettings(index_url="none"), web(time))
    with pytest.raises(ReleaseError, match="no index of packages"):
        source.list_tags()


def test_no_repository_at_all(time: Time) -> None:
    """Nobody else's releases are looked at instead."""
    source = GithubSource(ReleaseSettings(), web(time))
    with pytest.raises(ReleaseError, match="no releases are configured: set CICTL_UPDATE_REPO"):
        source.latest()
    with pytest.raises(ReleaseError, match="no releases are configured"):
        source.list_tags()


def test_settings_do_not_show_the_token() -> None:
    assert "hush" not in repr(ReleaseSettings(token="hush"))


def test_settings_come_from_the_environment_and_ours_win() -> None:
    found = ReleaseSettings.from_environment(
        {
            "CICTL_UPDATE_SOURCE": "simple",
            "CIWI_UPDATE_SOURCE": "github",
            "CIWI_UPDATE_API_BASE": " http://127.0.0.1:1/ ",
            "CIWI_GITHUB_TOKEN": "t",
            "CIWI_UPDATE_REQUIRE_CHECKSUM": "false",
            "CICTL_UPDATE_REPO": "",
        }
    )
    assert found == ReleaseSettings(source="simple", api_base="http://127.0.0.1:1", token="t", requires_checksum=False)


@pytest.mark.parametrize(("kind", "type_"), [("github", GithubSource), ("simple", SimpleSource)])
def test_the_kinds_of_sources(kind: str, type_: type[ReleaseSource]) -> None:
    assert isinstance(open_source(ReleaseSettings(source=kind)), type_)


def test_an_address_that_is_none_gets_no_token() -> None:
    with pytest.raises(ReleaseError, match=r"CICTL_UPDATE_API_BASE is not an http address: http://127\.0\.0\.1:port"):
        open_source(ReleaseSettings(api_base="http://127.0.0.1:port", token="t"))


def test_another_kind_of_source_is_refused() -> None:
    with pytest.raises(ReleaseError, match='unknown update source "gitlab"'):
        open_source(ReleaseSettings(source="gitlab"))
