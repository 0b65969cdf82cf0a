"""nginx before a server, as Debian brings it. Tests that want it are left out where it is not installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from cictl_testing.ports import free_port
from cictl_testing.processes import eventually

PROGRAM = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
needs_nginx = pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed")

_CONFIGURATION = """\
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
{servers}
}}
"""

_SERVER = """\
    server {{
        listen 127.0.0.1:{port}{tls};
{settings}
{locations}
    }}
"""


class RunningNginx:
    """An nginx with servers of one's own."""

    def __init__(self, directory: Path, servers: str, *, port: int) -> None:
        """Start it, and wait until it accepts connections.

        Args:
            servers: The text of its `server` blocks, one of which listens on *port* of the loopback.
        """
        assert PROGRAM is not None
        directory.mkdir()
        self._port = port
        file = directory / "nginx.conf"
        file.write_text(_CONFIGURATION.format(directory=directory, servers=servers))
        command = [PROGRAM, "-p", str(directory), "-c", str(file), "-e", str(directory / "error.log")]
        self._process = subprocess.Popen(command)
        eventually(self._answers, what="nginx")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


class Nginx(RunningNginx):
    """A running nginx before one server.

    Attributes:
        url: Where it listens; below it each location has a path of its own.
    """

    def __init__(self, directory: Path, upstream: str, locations: dict[str, str], *, tls: str = "") -> None:
        """Start it, and wait until it accepts connections.

        Args:
            upstream: URL of the server behind it.
            locations: By name of the path, the settings there.
            tls: The settings of TLS; empty for plain HTTP.
        """
        port = free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        blocks = [f"location /{name}/ {{ proxy_pass {upstream}/; {more} }}" for name, more in locations.items()]
        server = _SERVER.format(port=port, tls=" ssl" * bool(tls), settings=tls, locations="\n".join(blocks))
        super().__init__(directory, server, port=port)
