"""How a server is, examined by a few small questions; no more is loaded than they need, since probes ask every few seconds."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

from cictl.base.text.plain import plain
from cictl.cli.app.contexts import SettingsError
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.session import format_setting
from cictl.cli.app.settings import load_settings
from cictl.cli.output.device import output_error
from cictl.wire.admin.server import API_VERSION, RuntimeState, ServerInfo
from cictl.wire.codec import Message
from cictl.wire.words import Feature
from cictl_client.errors import ClientError, Unreachable
from cictl_client.probe import Probe

NAMES = ("cictl", "ciwi")

Look = Callable[[], tuple[str, str]]
"""Returns the status, such as `healthy`, and what was found."""


class Check(Message):
    """One thing that was looked at; `detail` says what was found."""

    name: str
    ok: bool
    detail: str


class Health(Message):
    """What `healthcheck -o json` shows. `status` is healthy, degraded, unhealthy or unreachable."""

    healthy: bool
    status: str
    server: str
    checks: list[Check]


EXIT_CODES = {
    "healthy": ExitCode.OK,
    "unreachable": ExitCode.UNREACHABLE,
    "degraded": ExitCode.SERVER_ERROR,
    "unhealthy": ExitCode.SERVER_ERROR,
}


def examine(probe: Probe, server: str) -> Health:
    """Ask the server how it is; the first check that fails ends the examination.

    Raises:
        ApiError: The server wants a token.
    """
    checks: list[Check] = []
    status = "healthy"
    for name, look in _looks(probe):
        try:
            status, detail = look()
        except ClientError as error:
            if getattr(error, "status", 0) in (401, 403):
                raise
            status, detail = ("unreachable" if isinstance(error, Unreachable) else "unhealthy"), str(error)
        checks.append(Check(name=name, ok=status == "healthy", detail=detail))
        if status != "healthy":
            break
    return Health(healthy=status == "healthy", status=status, server=server, checks=checks)


def _looks(probe: Probe) -> Iterator[tuple[str, Look]]:
    """Yield what to look at, in order; `readyz` only of a server that has it, its state only if strangers may see that."""
    infos: list[ServerInfo] = []
    yield "healthz", lambda: _healthz(probe)
    yield "server-info", lambda: _server_info(probe, infos)
    if Feature.READYZ in infos[0].features:
        yield "readyz", lambda: _readyz(probe)
    if infos[0].version or probe.has_token:
        yield "runtime-state", lambda: _runtime_state(probe)


def _healthz(probe: Probe) -> tuple[str, str]:
    word = probe.health().status
    return ("healthy" if word == "ok" else "unhealthy"), f"status {word}"


def _server_info(probe: Probe, infos: list[ServerInfo]) -> tuple[str, str]:
    """Look who the server is, and add what it says to *infos*, which decides on the next looks."""
    info = probe.server_info()
    infos.append(info)
    known = info.name in NAMES and info.api_version == API_VERSION
    version = f"{info.name} {info.version}" if info.version else f"{info.name}, which tells the rest to tokens only"
    text = f"{version}, API version {info.api_version}"
    return ("healthy", text) if known else ("unhealthy", f"not a server that cictl knows: {text}")


def _readyz(probe: Probe) -> tuple[str, str]:
    """Look whether all is well. A server may be ready for work although one of its parts fails."""
    found = probe.readiness()
    failed = [f"{check.name}: {check.detail}" for check in found.checks if not check.ok]
    told = [f"{check.name}: {check.detail}" for check in found.checks if check.detail]
    status = "degraded" if found.ready else "unhealthy"
    return (status, "; ".join(failed)) if failed else ("healthy", "; ".join(["ready", *told]))


def _runtime_state(probe: Probe) -> tuple[str, str]:
    state = probe.runtime_state()
    if state.mode != "normal":
        return "degraded", ", ".join(state.reasons) or state.mode
    return "healthy", f"{state.online_agents} of {_known_agents(state)} agents online"


def _known_agents(state: RuntimeState) -> int:
    return state.online_agents + state.stale_agents + state.offline_agents


def line_of(health: Health) -> str:
    """Return the verdict as one line, with what explains it."""
    details = [check.detail for check in health.checks if check.name not in ("healthz", "readyz")]
    explanation = "; ".join(details) if health.healthy else health.checks[-1].detail
    at = "" if health.server in explanation else f" ({health.server})"
    return plain(f"{health.status}: {explanation}{at}")


def answer() -> int | None:
    """Do what `cictl healthcheck` without options does, and return its exit code.

    None means that something has to be told besides the line, such as a problem with the settings. Then the command does it, and
    asks anew, which changes nothing.
    """
    if format_setting(os.environ):
        return None
    try:
        settings = load_settings(os.environ)
        if settings.warnings:
            return None
        probe = Probe(settings.server, token=settings.token, tls=settings.tls)
        health = examine(probe, settings.shown_server)
        sys.stdout.write(f"{line_of(health)}\n")
        sys.stdout.flush()
    except (SettingsError, ClientError, OSError, UnicodeError):
        return None
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return ExitCode.INTERRUPTED
    return None if output_error(sys.stdout) else EXIT_CODES[health.status]
