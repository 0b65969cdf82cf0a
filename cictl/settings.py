"""Where a command's settings come from: flag, environment, context file, default, in that order.

The context file, `$XDG_CONFIG_HOME/cictl/config.yaml`, names servers:

    current: prod
    contexts:
      prod:
        server: https://ci.example.com
        token_file: ~/.config/cictl/prod.token
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEFAULT_SERVER = "http://127.0.0.1:8112"


class SettingsError(Exception):
    """A setting can't be used; the text names where it came from.

    Attributes:
        hint: What to do about it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, kw_only=True)
class Context:
    """One named server of the context file."""

    name: str
    server: str = ""
    token: str = field(default="", repr=False)
    token_file: str = ""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a command works with.

    Attributes:
        server: Base URL, without a slash at its end.
        source: Where the URL came from, for messages: `--server`, `CICTL_SERVER_URL`, `context prod`, `default`.
        token: None when no token was configured.
        warnings: Lines to tell the user once.
    """

    server: str
    source: str
    token: str | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def shown_server(self) -> str:
        """The URL without user info, fit for messages."""
        return without_user_info(self.server)


def load_settings(env: Mapping[str, str], *, server: str = "", context: str = "") -> Settings:
    """Return the settings for the flags *server* and *context* (empty: not given).

    The token of a context goes to the server of that context only: with another URL it is left out.

    Raises:
        SettingsError: An unusable URL, an unreadable file, an unknown context.
    """
    chosen, warnings = _context(env, context=context, needed=not server)
    url, source = _server(env, server=server, named=bool(context), chosen=chosen)
    return Settings(
        server=_checked_url(url, source),
        source=source,
        token=_token(env, chosen if chosen and url == chosen.server else None),
        warnings=warnings,
    )


def config_path(env: Mapping[str, str]) -> Path:
    """Return the path of the context file, whether it exists or not."""
    base = env.get("XDG_CONFIG_HOME") or str(Path(env.get("HOME") or "~").expanduser() / ".config")
    return Path(base) / "cictl" / "config.yaml"


def without_user_info(url: str) -> str:
    """Return *url* without its `user:password@`."""
    head, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return head + separator + authority.rpartition("@")[2] + slash + path


def _server(env: Mapping[str, str], *, server: str, named: bool, chosen: Context | None) -> tuple[str, str]:
    if server:
        return server, "--server"
    if named and chosen:
        return chosen.server, f"context {chosen.name}"
    for variable in ("CICTL_SERVER_URL", "CIWI_SERVER_URL"):
        if env.get(variable):
            return env[variable], variable
    if chosen:
        return chosen.server, f"context {chosen.name}"
    return DEFAULT_SERVER, "default"


def _checked_url(url: str, source: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            f"not a server URL: {without_user_info(url)!r} (from {source})", hint=f"write it like {DEFAULT_SERVER}"
        )
    return url.rstrip("/")


def _token(env: Mapping[str, str], context: Context | None) -> str | None:
    if env.get("CICTL_TOKEN"):
        return env["CICTL_TOKEN"].strip()
    if env.get("CICTL_TOKEN_FILE"):
        return _read_token(env["CICTL_TOKEN_FILE"], "CICTL_TOKEN_FILE")
    if context and context.token:
        return context.token
    if context and context.token_file:
        return _read_token(context.token_file, f"context {context.name}")
    return None


def _read_token(path: str, source: str) -> str:
    try:
        token = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the token file {path} (from {source}): {error}") from error
    if not token:
        raise SettingsError(f"the token file {path} is empty (from {source})")
    return token


def _context(env: Mapping[str, str], *, context: str, needed: bool) -> tuple[Context | None, tuple[str, ...]]:
    path = config_path(env)
    if not path.exists():
        if context or (needed and env.get("CICTL_CONTEXT")):
            name = context or env["CICTL_CONTEXT"]
            raise SettingsError(f"no context {name!r}: {path} does not exist", hint="use --server URL")
        return None, ()
    contexts, current = _read_contexts(path)
    name = context or env.get("CICTL_CONTEXT") or current
    if not name:
        return None, ()
    if name not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise SettingsError(f"no context {name!r} in {path}", hint=f"known contexts: {known}")
    return contexts[name], _permission_warnings(path, contexts[name])


def _permission_warnings(path: Path, context: Context) -> tuple[str, ...]:
    if context.token and path.stat().st_mode & 0o077:
        return (f"{path} holds a token and others can read it; run: chmod 600 {path}",)
    return ()


def _read_contexts(path: Path) -> tuple[dict[str, Context], str]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        contexts = {str(name): _parse_context(str(name), value) for name, value in _contexts_of(document).items()}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, ValueError) as error:
        reason = str(error).replace("\n", " ")
        raise SettingsError(f"cannot use {path}: {reason}", hint="see `cictl --help` for its form") from error
    return contexts, str(document.get("current") or "")


def _contexts_of(document: Any) -> dict[Any, Any]:
    contexts = document.get("contexts", {}) if isinstance(document, dict) else None
    if not isinstance(contexts, dict):
        raise TypeError("expected a mapping with the keys current and contexts")
    return contexts


def _parse_context(name: str, value: Any) -> Context:
    if not isinstance(value, dict):
        raise TypeError(f"context {name} is not a mapping")
    unknown = set(value) - {"server", "token", "token_file"}
    if unknown:
        raise ValueError(f"context {name} has unknown keys: {', '.join(sorted(map(str, unknown)))}")
    if not value.get("server"):
        raise ValueError(f"context {name} has no server")
    return Context(name=name, **{key: str(item) for key, item in value.items() if item is not None})
