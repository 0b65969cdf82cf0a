"""What the installers accept of a release server: signatures, pinned dependencies, and how long it may take."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from cictl_testing.installs.machine import SCRIPTS, Machine
from cictl_testing.installs.wheels import build_wheel
from cictl_testing.servers.dripping import DrippingServer
from cictl_testing.servers.release_server import ReleaseServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY = Ed25519PrivateKey.generate()
RAW = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()


@pytest.mark.parametrize(
    ("signs", "key", "text"),
    [
        pytest.param(KEY.sign, RAW, "an update is under way", id="signed"),
        pytest.param(lambda sums: base64.b64encode(KEY.sign(sums)), RAW, "an update is under way", id="base64"),
        pytest.param(None, RAW, "release v1.0.0 is not signed, and CICTL_UPDATE_PUBLIC_KEY is set", id="not signed"),
        pytest.param(Ed25519PrivateKey.generate().sign, RAW, "signature verification failed", id="by another"),
        pytest.param(lambda sums: b"?", RAW, "signature verification failed", id="nonsense"),
        pytest.param(KEY.sign, "AAAA", "CICTL_UPDATE_PUBLIC_KEY is no Ed25519 public key", id="no key"),
    ],
)
def test_a_release_must_be_signed_by_the_key_of_the_settings(
    machine: Machine, releases: ReleaseServer, signs: Callable[[bytes], bytes] | None, key: str, text: str
) -> None:
    files = releases.releases["v1.0.0"]
    if signs:
        files["cictl-checksums.txt.sig"] = signs(files["cictl-checksums.txt"])
    with machine.held_lock():
        done = machine.run("install-server", CICTL_UPDATE_PUBLIC_KEY=key)
    assert done.returncode == 1
    assert text in done.stderr


def test_a_key_may_be_a_file_and_stays_in_the_settings(machine: Machine, releases: ReleaseServer) -> None:
    files = releases.releases["v1.0.0"]
    files["cictl-checksums.txt.sig"] = KEY.sign(files["cictl-checksums.txt"])
    key = machine.place / "release.pub"
    key.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    machine.ok("install-server", CICTL_UPDATE_PUBLIC_KEY=str(key))
    assert f'CICTL_UPDATE_PUBLIC_KEY="{key}"' in machine.settings().read_text()
    del files["cictl-checksums.txt.sig"]
    assert "is not signed" in machine.run("install-server").stderr


def test_an_index_has_no_signatures(machine: Machine) -> None:
    done = machine.run("install-server", CICTL_UPDATE_PUBLIC_KEY=RAW, CICTL_UPDATE_SOURCE="simple")
    assert "an index of packages has no signatures" in done.stderr


def test_dependencies_without_hashes_are_not_installed(machine: Machine, releases: ReleaseServer) -> None:
    wheel = build_wheel(machine.place, "cictl", "1.1.0", {}, requires=["helpful"])
    releases.publish("v1.1.0", {wheel.name: wheel.read_bytes()})
    done = machine.run("install-server")
    assert "has no list of its dependencies with their hashes" in done.stderr
    assert machine.files() == set()


def test_the_list_in_the_wheel_pins_its_dependencies(machine: Machine, releases: ReleaseServer) -> None:
    pinned = {"cictl/installation/requirements.txt": f"helpful==1.0 --hash=sha256:{'0' * 64}\n".encode()}
    links = machine.place / "links"
    build_wheel(links, "helpful", "1.0", {})
    wheel = build_wheel(machine.place, "cictl", "1.1.0", pinned, requires=["helpful"])
    releases.publish("v1.1.0", {wheel.name: wheel.read_bytes()})
    done = machine.run("install-server", CICTL_UPDATE_FIND_LINKS=str(links))
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_a_release_server_that_drips_does_not_hold_the_installer(machine: Machine) -> None:
    fetching = (SCRIPTS / "parts" / "fetch_release.py").read_text()
    hasty = machine.place / "fetch.py"
    hasty.write_text(fetching.replace("signal.alarm(180)", "signal.alarm(1)"))
    with DrippingServer(b"HTTP/1.1 200 OK\r\nX-Header: ") as server:
        settings = {"SOURCE": "github", "API_BASE": server.url, "REPOSITORY": "shop/cictl"}
        done = subprocess.run(
            [sys.executable, "-I", str(hasty), str(machine.place), ""],
            env=settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.stderr.startswith("error: the release server is too slow")


@pytest.mark.parametrize("source", ["simple", "github"])
def test_a_release_server_names_no_file_of_this_machine(machine: Machine, releases: ReleaseServer, source: str) -> None:
    wheel = build_wheel(machine.place, "cictl", "1.1.0", {})
    releases.replies["/simple/cictl/"] = f'<a href="file://{wheel}#sha256={"0" * 64}">{wheel.name}</a>'.encode()
    release = {"tag_name": "v1.1.0", "assets": [{"name": wheel.name, "url": f"file://{wheel}"}]}
    releases.replies["/repos/shop/cictl/releases/latest"] = json.dumps(release).encode()
    done = machine.run("install-server", CICTL_UPDATE_SOURCE=source, CICTL_UPDATE_INDEX_URL=f"{releases.url}/simple")
    assert done.returncode == 1
    assert "no release of cictl is there" in done.stderr or "has no compatible asset" in done.stderr
