"""Releases that must be signed: by whom, what the signature covers, and how one is made."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cictl_testing.servers.release_server import REPOSITORY, ReleaseServer, checksum_text
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cictl.installation.releases.release import ReleaseError
from cictl.installation.releases.settings import ReleaseSettings
from cictl.installation.releases.sources import open_source

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
KEY = Ed25519PrivateKey.generate()
RAW = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
FILES = {"cictl-1.2.3-py3-none-any.whl": b"wheel of 1.2.3", "cictl-1.2.3-requirements.txt": b"# none\n"}
SUMS = "cictl-checksums.txt"


@pytest.fixture
def releases() -> Iterator[ReleaseServer]:
    server = ReleaseServer()
    yield server
    server.close()


def publish(releases: ReleaseServer, signature: bytes | None, *, sums: str = checksum_text(FILES)) -> None:
    signed = {**FILES, f"{SUMS}.sig": signature} if signature is not None else FILES
    releases.publish("v1.2.3", signed, checksums=sums)


def fetch(releases: ReleaseServer, into: Path, *, key: str = RAW) -> bytes:
    source = open_source(ReleaseSettings(api_base=releases.url, repository=REPOSITORY, public_key=key))
    return source.fetch(source.latest(), into).wheel.read_bytes()


@pytest.mark.parametrize("key", [RAW, PEM], ids=["base64", "PEM"])
@pytest.mark.parametrize("form", [bytes, base64.b64encode, base64.encodebytes], ids=["raw", "base64", "lines"])
def test_a_signed_release(releases: ReleaseServer, tmp_path: Path, key: str, form: Callable[[bytes], bytes]) -> None:
    publish(releases, form(KEY.sign(checksum_text(FILES).encode())))
    assert fetch(releases, tmp_path, key=key) == b"wheel of 1.2.3"


def test_the_key_may_be_a_file(releases: ReleaseServer, tmp_path: Path) -> None:
    (tmp_path / "release.pub").write_text(PEM)
    publish(releases, KEY.sign(checksum_text(FILES).encode()))
    assert fetch(releases, tmp_path / "into", key=str(tmp_path / "release.pub")) == b"wheel of 1.2.3"


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        pytest.param(
            None, f'release v1.2.3 is not signed, and CICTL_UPDATE_PUBLIC_KEY is set .expected "{SUMS}.sig"', id="none"
        ),
        pytest.param(b"", "signature verification failed", id="empty"),
        pytest.param(b"x" * 64, "signature verification failed", id="nonsense"),
        pytest.param(KEY.sign(b"another list"), "signature verification failed", id="of another list"),
        pytest.param(
            Ed25519PrivateKey.generate().sign(checksum_text(FILES).encode()),
            "signature verification failed",
            id="by another",
        ),
    ],
)
def test_a_release_that_the_key_has_not_signed_is_refused(
    releases: ReleaseServer, tmp_path: Path, signature: bytes | None, text: str
) -> None:
    publish(releases, signature)
    with pytest.raises(ReleaseError, match=text):
        fetch(releases, tmp_path / "into")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not any(path.endswith(".whl") for path in releases.paths()), "no byte of the wheel was fetched"


def test_a_signed_list_covers_the_files(releases: ReleaseServer, tmp_path: Path) -> None:
    publish(releases, KEY.sign(checksum_text(FILES).encode()))
    releases.releases["v1.2.3"]["cictl-1.2.3-requirements.txt"] = b"evil==1.0\n"
    with pytest.raises(ReleaseError, match=r"checksum verification failed: cictl-1.2.3-requirements.txt"):
        fetch(releases, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_signature_is_wanted_also_where_checksums_are_not(releases: ReleaseServer) -> None:
    releases.publish("v1.2.3", FILES, checksums="")
    settings = ReleaseSettings(api_base=releases.url, repository=REPOSITORY, public_key=RAW, requires_checksum=False)
    with pytest.raises(ReleaseError, match="is not signed"):
        open_source(settings).latest()


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("AAAA", id="short"),
        pytest.param(PEM.replace("M", "%"), id="broken PEM"),
        pytest.param(
            generate_private_key(SECP256R1())
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            id="another kind",
        ),
        pytest.param("/nowhere/release.pub", id="no file"),
    ],
)
def test_a_key_that_is_none_is_told(key: str) -> None:
    with pytest.raises(ReleaseError, match=r"^CICTL_UPDATE_PUBLIC_KEY"):
        open_source(ReleaseSettings(repository=REPOSITORY, public_key=key))


def test_an_index_cannot_be_signed_and_says_so() -> None:
    with pytest.raises(ReleaseError, match="an index of packages has no signatures"):
        open_source(ReleaseSettings(source="simple", public_key=RAW))


def test_the_commands_of_the_page_sign_a_release(releases: ReleaseServer, tmp_path: Path) -> None:
    section = DOCS.read_text(encoding="utf-8").partition("## Sign releases\n")[2].partition("\n## ")[0]
    make_key, sign = [block.partition("```")[0] for block in section.split("```\n")[1::2]][:2]
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    for script in (make_key, sign):
        subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True, capture_output=True)
    publish(releases, (tmp_path / f"{SUMS}.sig").read_bytes(), sums=(tmp_path / SUMS).read_text())
    assert fetch(releases, tmp_path / "into", key=str(tmp_path / "release.pub")) == b"wheel of 1.2.3"
