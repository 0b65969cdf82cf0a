"""Real servers on one database and one bucket, behind an nginx that gives each request to any of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from cictl_testing.ports import free_port
from cictl_testing.processes import Process
from cictl_testing.servers.nginx import RunningNginx

_BALANCER = """\
    upstream servers {{
        least_conn;
{servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        location / {{
            proxy_pass http://servers;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_connect_timeout 2s;
            proxy_read_timeout 90s;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
        }}
    }}
"""
_UPSTREAM = "        server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;"


@dataclass
class Member:
    """One of the servers, on a port that it keeps."""

    port: int
    data: Path
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Cluster:
    """The servers, the balancer, and whatever else was started for them; `close` ends all.

    Attributes:
        environment: What the servers get besides the usual.
        url: The balancer's.
    """

    directory: Path
    environment: dict[str, str]
    size: int = 3
    members: list[Member] = field(init=False)
    url: str = field(init=False)
    _children: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.members = [Member(free_port(), self.directory / f"data-{number}") for number in range(self.size)]
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        for member in self.members:
            self.begin(member)
        upstreams = "\n".join(_UPSTREAM.format(port=member.port) for member in self.members)
        self._nginx = RunningNginx(self.directory / "nginx", _BALANCER.format(servers=upstreams, port=port), port=port)
        try:
            for member in self.members:
                self.await_start(member)
        except BaseException:
            self.close()
            raise

    def begin(self, member: Member) -> None:
        """Start one of the servers, and don't wait for it."""
        member.process = self.spawn("serve", "--port", str(member.port), "--data-dir", str(member.data))

    def await_start(self, member: Member) -> None:
        assert member.process is not None
        member.process.wait_for_line(" serves ")

    def kill(self, member: Member) -> None:
        """Kill one of the servers by SIGKILL, and begin to start it again."""
        assert member.process is not None
        member.process.kill()
        self.begin(member)

    def restart(self, member: Member) -> None:
        """Stop one of the servers as a service manager does, and start it again."""
        assert member.process is not None
        member.process.stop()
        self.begin(member)
        self.await_start(member)

    def spawn(self, *arguments: str, token: str = "") -> Process:
        """Start a cictl process that speaks to the balancer."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("CICTL_", "CIWI_", "AWS_"))}
        login = {"CICTL_TOKEN": token} if token else {}
        usual = {"XDG_CONFIG_HOME": str(self.directory / "config"), "NO_COLOR": "1", "CICTL_SERVER_URL": self.url}
        child = Process(
            *arguments, environment={**clean, **usual, **login, **self.environment}, directory=self.directory
        )
        self._children.append(child)
        return child

    def start_agents(self, tokens: dict[str, str], *, label: str) -> None:
        """Start a real agent for each id with its token, and wait until all ask for work."""
        agents = []
        for agent_id, token in tokens.items():
            work = self.directory / f"work-{agent_id}"
            options = ["--id", agent_id, "--work-dir", str(work), "--label", label]
            agents.append(self.spawn("run-agent", "--server", self.url, *options, token=token))
        for agent in agents:
            agent.wait_for_line(" polling ")

    def close(self) -> None:
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        for child in self._children:
            child.stop()
        self._nginx.stop()
