"""Under which names a server that was started by a command answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from cictl_testing.processes import Workplace


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"CICTL_ALLOWED_HOSTS": "ci.lan .example.com"}, id="hosts"),
        pytest.param({"CICTL_ALLOWED_HOSTS": "a.example.com", "CICTL_PUBLIC_URL": "http://ci.lan:80"}, id="public-url"),
    ],
)
def test_settings_say_what_is_ours_besides(tmp_path: Path, told: dict[str, str]) -> None:
    place = Workplace(tmp_path, environment=told)
    try:
        answers = [
            requests.get(f"{place.url}/healthz", headers={"Host": host}, timeout=60).status_code
            for host in ("ci.lan", "a.example.com", "evil.example")
        ]
        assert answers == [200, 200, 421]
        assert "warning: nobody is authenticated" not in place.server.output
    finally:
        place.close()


def test_a_name_that_is_none_ends_the_start(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    try:
        ended = place.cictl("serve", "--port", "0", "--data-dir", str(tmp_path / "other"), "--allowed-host", "a:80")
        assert ended.returncode == 1
        assert "error: --allowed-host must be a host's name without scheme and port, not 'a:80'" in ended.stderr
        assert "try: write it as ci.example.com" in ended.stderr
    finally:
        place.close()
