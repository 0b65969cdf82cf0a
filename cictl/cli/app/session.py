"""One run of the program: its streams, its options, its settings, its client. Handed to commands; nothing is global."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO, cast

from cictl.base.clock import utc_now
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, usage
from cictl.cli.app.patience import Patience
from cictl.cli.output.text import is_terminal

if TYPE_CHECKING:
    import logging
    from datetime import datetime

    import typer

    from cictl.cli.app.settings import Settings
    from cictl.cli.output.table import Renderer, Result
    from cictl_client import Client
    from cictl_client.probe import Probe


USER_AGENT = "cictl"
"""By it the server's audit tells the command line from other clients."""

_STEP = "CICTL_JOB_EXECUTION_ID"
"""What agents set for the steps of jobs."""


def format_setting(env: Mapping[str, str]) -> str:
    """Return the format that the environment asks for, empty for none. In a step `CICTL_OUTPUT` names a file for outputs instead."""
    return "" if env.get(_STEP) else env.get("CICTL_OUTPUT", "")


@dataclass
class Session:
    """What a command may use: streams, environment, options, settings, client.

    Attributes:
        options: The shared options by name (`output`, `query`, `server`, `context`, `ca_file`, `debug`, `yes`), as far as given;
            one behind the command wins over one before it.
        has_pages: Whether the server's pages can still be looked at when the command is over.
    """

    env: Mapping[str, str]
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    options: dict[str, Any] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    has_pages: bool = True
    _clients: list[Client] = field(default_factory=list)
    _log_handler: logging.Handler | None = None

    @classmethod
    def of(cls, context: typer.Context) -> Session:
        """Return the session that *context* belongs to."""
        return cast(Session, context.find_root().obj)

    @property
    def debug(self) -> bool:
        return bool(self.options.get("debug"))

    @property
    def output(self) -> str:
        """The word of `-o`, else of CICTL_OUTPUT, else `table`."""
        return str(self.options.get("output") or format_setting(self.env) or "table")

    @cached_property
    def renderer(self) -> Renderer:
        from cictl.cli.output.table import Renderer

        return Renderer(stdout=self.stdout, stderr=self.stderr, env=self.env, now=self.now, site=self._site)

    def _site(self) -> str:
        """Return the address of the server that was asked, for links to its pages; empty if there is nothing to look at."""
        return self.settings.shown_server if self._clients and self.has_pages else ""

    def now(self) -> datetime:
        """Return the time on the server that was asked, whatever the clock here shows; that of this machine if none was."""
        return self._clients[0].server_now() if self._clients else utc_now()

    @cached_property
    def settings(self) -> Settings:
        """The settings; a problem with them is a usage failure."""
        from cictl.cli.app.contexts import SettingsError
        from cictl.cli.app.settings import load_settings

        flags = {name: str(self.options.get(name) or "") for name in ("server", "context", "ca_file")}
        try:
            settings = load_settings(self.env, **flags)
        except SettingsError as error:
            raise usage(str(error), hint=error.hint) from error
        for warning in settings.warnings:
            self.note(f"warning: {warning}")
        return settings

    @cached_property
    def client(self) -> Client:
        """The client for this command's own thread."""
        return self.new_client()

    def new_client(self, *, timeout: float = 30.0, retries: int | None = None) -> Client:
        """Return another client, for a thread of its own; closed with the session."""
        from cictl_client import Client

        self._log_if_debugging()
        retries = self.patience.retries if retries is None else retries
        client = Client(
            self.settings.server,
            token=self.settings.token,
            timeout=timeout,
            retries=retries,
            tls=self.settings.tls,
            user_agent=USER_AGENT,
        )
        self._clients.append(client)
        return client

    def new_probe(self) -> Probe:
        """Return a probe, which asks small questions without loading the whole client."""
        from cictl_client.probe import Probe

        self._log_if_debugging()
        return Probe(self.settings.server, token=self.settings.token, tls=self.settings.tls)

    def _log_if_debugging(self) -> None:
        if self.debug and self._log_handler is None:
            self._log_handler = _log_requests(self.stderr)

    def show(self, result: Result[Any]) -> None:
        """Write *result* in the format that was asked for."""
        from cictl.cli.output.data import Format

        self.renderer.show(result, form=Format(self.output), query=str(self.options.get("query") or ""))

    def note(self, text: str) -> None:
        """Write one line to stderr."""
        self.renderer.note(text)

    @property
    def suggests(self) -> bool:
        """Whether somebody is told what to do next: a person at a terminal, unless CICTL_HINTS is 0."""
        is_off = self.env.get("CICTL_HINTS", "").strip().lower() in ("0", "false", "no", "off")
        return is_terminal(self.stderr) and not self.wants_data and not is_off

    def suggest(self, command: str) -> None:
        """Tell the *command* that is likely to come next, as the last line of a success; nothing where nobody `suggests`."""
        if self.suggests:
            self.note(f"next: {command}")

    def note_more(self, limit: int) -> None:
        """Tell a person that the list goes on, and which --limit shows more of it."""
        if not self.wants_data:
            self.note(f"there are more; --limit {limit} shows them")

    @property
    def wants_data(self) -> bool:
        """Whether stdout is to carry JSON, YAML, names or a query's answer, and not a table."""
        return self.output not in ("table", "wide") or bool(self.options.get("query"))

    @property
    def server_options(self) -> str:
        """The options that a suggested command needs to reach the same server as this one."""
        given = [option for option in ("server", "context", "ca_file") if self.options.get(option)]
        return "".join(f" --{option.replace('_', '-')} {shlex.quote(str(self.options[option]))}" for option in given)

    def show_done(self, result: Result[Any], text: str) -> None:
        """End a command that changed something: data if asked for, and *text* on stderr."""
        if self.wants_data:
            self.show(result)
        self.note(text)

    @property
    def is_readonly(self) -> bool:
        return self.env.get("CICTL_READONLY", "").strip().lower() in ("1", "true", "yes", "on")

    def refuse_if_readonly(self, what: str) -> None:
        """Fail when CICTL_READONLY forbids *what*; every writing command calls this before its first request."""
        if self.is_readonly:
            raise Failure(
                f"will not {what}: CICTL_READONLY is set",
                exit_code=ExitCode.NOT_ALLOWED,
                code="readonly",
                hint="unset CICTL_READONLY to allow writes",
            )

    def close(self) -> None:
        """Close the clients and stop showing requests."""
        for client in self._clients:
            client.close()
        if self._log_handler is not None:
            import logging

            logging.getLogger("cictl_client").removeHandler(self._log_handler)


def _log_requests(stream: TextIO) -> logging.Handler:
    """Send what the client logs, which never holds a token, to *stream*."""
    import logging

    from cictl.base.log_output import LogFormatter

    handler = logging.StreamHandler(stream)
    handler.setFormatter(LogFormatter("debug: %(message)s"))
    logger = logging.getLogger("cictl_client")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    return handler


def new_session(env: Mapping[str, str], *, patience: Patience | None = None) -> Session:
    """Return a session on the process's own streams."""
    return Session(env=env, stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, patience=patience or Patience())
