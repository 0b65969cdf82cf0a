"""Where a command's settings come from: flag, environment, context file, default, in that order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cictl.base.system.environment import find_setting
from cictl.base.urls import split_http, without_user_info
from cictl.base.web.trust import NO_FILES, TlsFiles, tls_files
from cictl.cli.app.contexts import Context, ContextFile, SettingsError, read_contexts
from cictl.wire.words import DEFAULT_SERVER, JOB_TOKEN


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a command works with.

    Attributes:
        server: Base URL, without a slash at its end.
        source: Where the URL came from, for messages: `--server`, `CICTL_SERVER_URL`, `context prod`, `default`.
        context: The chosen context, even if another URL wins over its own; empty without one.
        context_source: Where that choice came from: `--context`, `CICTL_CONTEXT`, or the file's path.
        token: None when no token was configured.
        token_source: Where the token came from; empty without one.
        protected: The protected context that has this server, whoever named the server; else empty.
        warnings: Lines to tell the user once.
        tls: The certificates to trust and to show.
    """

    server: str
    source: str
    context: str = ""
    context_source: str = ""
    token: str | None = field(default=None, repr=False)
    token_source: str = ""
    protected: str = ""
    warnings: tuple[str, ...] = ()
    tls: TlsFiles = NO_FILES

    @property
    def shown_server(self) -> str:
        """The URL without user info, fit for messages."""
        return without_user_info(self.server)


def load_settings(env: Mapping[str, str], *, server: str = "", context: str = "", ca_file: str = "") -> Settings:
    """Return the settings for the flags *server*, *context* and *ca_file* (empty: not given).

    The token and the certificates of a context go to the server of that context only: with another URL they are left out. So it
    is with the token of the job that the command is a step of, which is taken if no other is configured.

    Raises:
        SettingsError: An unusable URL, an unreadable file, an unknown context.
    """
    file = read_contexts(env)
    chosen, context_source = _context(env, file, context=context, needed=not server)
    url, source = _server(env, server=server, named=bool(context), chosen=chosen)
    own = chosen if chosen and url == chosen.server else None
    token, token_source = _token(env, own)
    if token is None and env.get(JOB_TOKEN) and url.rstrip("/") == env.get("CICTL_SERVER_URL", "").rstrip("/"):
        token, token_source = env[JOB_TOKEN].strip(), JOB_TOKEN
    try:
        tls = tls_files(env, ca_file=ca_file, otherwise=own.tls if own else NO_FILES)
    except ValueError as error:
        raise SettingsError(
            str(error), hint="see --ca-file, CICTL_CA_FILE, CICTL_CLIENT_CERT and CICTL_CLIENT_KEY"
        ) from error
    warning = file.permission_warning()
    return Settings(
        server=checked_url(url, source),
        source=source,
        context=chosen.name if chosen else "",
        context_source=context_source,
        token=token,
        token_source=token_source,
        protected=file.protecting(url),
        warnings=(warning,) if warning else (),
        tls=tls,
    )


def checked_url(url: str, source: str) -> str:
    """Return *url* without a slash at its end.

    Args:
        source: Where it came from, for the message.

    Raises:
        SettingsError: It is not the URL of an HTTP server.
    """
    try:
        split_http(url)
    except ValueError:
        raise SettingsError(
            f"not a server URL: {without_user_info(url)!r} (from {source})", hint=f"write it like {DEFAULT_SERVER}"
        ) from None
    return url.rstrip("/")


def read_token(path: str, source: str) -> str:
    """Return the token in the file *path*, without the blanks around it.

    Args:
        source: Who named the file, for the message.

    Raises:
        SettingsError: The file can't be read, or is empty.
    """
    try:
        token = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the token file {path} (from {source}): {error}") from error
    if not token:
        raise SettingsError(f"the token file {path} is empty (from {source})")
    return token


def _context(env: Mapping[str, str], file: ContextFile, *, context: str, needed: bool) -> tuple[Context | None, str]:
    """Return the chosen context, and who chose it.

    If none is *needed* and the file has no contexts, CICTL_CONTEXT is ignored: `--server URL` works without a file.
    """
    if context:
        return file.get(context), "--context"
    if env.get("CICTL_CONTEXT") and (needed or file.contexts):
        return file.get(env["CICTL_CONTEXT"]), "CICTL_CONTEXT"
    if file.current:
        return file.get(file.current), str(file.path)
    return None, ""


def _server(env: Mapping[str, str], *, server: str, named: bool, chosen: Context | None) -> tuple[str, str]:
    if server:
        return server, "--server"
    if named and chosen:
        return chosen.server, f"context {chosen.name}"
    url, variable = find_setting(env, "SERVER_URL")
    if url:
        return url, variable
    if chosen:
        return chosen.server, f"context {chosen.name}"
    return DEFAULT_SERVER, "default"


def _token(env: Mapping[str, str], context: Context | None) -> tuple[str | None, str]:
    """Return the token, and where it came from."""
    if env.get("CICTL_TOKEN"):
        return env["CICTL_TOKEN"].strip(), "CICTL_TOKEN"
    if env.get("CICTL_TOKEN_FILE"):
        return read_token(env["CICTL_TOKEN_FILE"], "CICTL_TOKEN_FILE"), "CICTL_TOKEN_FILE"
    if context and context.token:
        return context.token, f"context {context.name}"
    if context and context.token_file:
        return read_token(context.token_file, f"context {context.name}"), f"{context.token_file}"
    return None, ""
