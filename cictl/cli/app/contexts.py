"""The context file: servers by name, so that nobody has to type addresses and tokens.

`$XDG_CONFIG_HOME/cictl/config.yaml`:

    current: prod
    contexts:
      prod:
        server: https://ci.example.com
        token_file: /home/me/.config/cictl/prod.token
        protected: true
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from cictl.base.web.trust import TlsFiles

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.@-]*"


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
    """One named server.

    Attributes:
        token: Stored here, or else in `token_file`, or nowhere.
        protected: A command that destroys something asks for the context's name.
        ca_file: The certificates to trust; `client_cert` and `client_key` are what this client shows.
    """

    name: str
    server: str
    token: str = field(default="", repr=False)
    token_file: str = ""
    protected: bool = False
    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""

    @property
    def tls(self) -> TlsFiles:
        return TlsFiles(ca_file=self.ca_file, client_cert=self.client_cert, client_key=self.client_key)


class ContextFile(NamedTuple):
    """The content of the context file; empty when there is no file."""

    path: Path
    contexts: Mapping[str, Context] = MappingProxyType({})
    current: str = ""

    def get(self, name: str) -> Context:
        """Return the context *name*.

        Raises:
            SettingsError: There is none.
        """
        if name in self.contexts:
            return self.contexts[name]
        if not self.path.exists():
            raise SettingsError(f"no context {name!r}: {self.path} does not exist", hint=_SET_HINT)
        known = ", ".join(sorted(self.contexts)) or "none"
        raise SettingsError(f"no context {name!r} in {self.path}", hint=f"known contexts: {known}")

    def with_context(self, context: Context) -> ContextFile:
        """Return the file with *context* added or replaced; the first context becomes the current one.

        Raises:
            SettingsError: Its name has characters that a shell or a file would trip over.
        """
        if not re.fullmatch(_NAME, context.name):
            raise SettingsError(f"not a name for a context: {context.name!r}", hint="letters, digits, and . _ - @")
        current = self.current or ("" if self.contexts else context.name)
        return self._replace(contexts={**self.contexts, context.name: context}, current=current)

    def without(self, name: str) -> ContextFile:
        """Return the file without the context *name*; if that was the current one, no context is current."""
        rest = {other: context for other, context in self.contexts.items() if other != name}
        return self._replace(contexts=rest, current="" if self.current == name else self.current)

    def using(self, name: str) -> ContextFile:
        """Return the file with *name* as the current context."""
        return self._replace(current=self.get(name).name)

    def protecting(self, server: str) -> str:
        """Return the name of a protected context with the address *server*; empty when there is none."""
        address = server.rstrip("/")
        return next((c.name for c in self.contexts.values() if c.protected and c.server.rstrip("/") == address), "")

    def save(self) -> None:
        """Write the file anew, readable by its owner only; a reader sees the old one or the new one."""
        import tempfile

        import yaml

        path = self.path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".config-")  # with mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
                yaml.safe_dump(self._document(), sink, sort_keys=False, allow_unicode=True)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def permission_warning(self) -> str:
        """Return a warning if other users can read a token in the file, else an empty text."""
        has_token = any(context.token for context in self.contexts.values())
        if has_token and os.name == "posix" and self.path.stat().st_mode & 0o077:
            return f"{self.path} holds a token and others can read it; run: chmod 600 {self.path}"
        return ""

    def _document(self) -> dict[str, Any]:
        contexts = {name: _written(context) for name, context in self.contexts.items()}
        return {"current": self.current, "contexts": contexts} if self.current else {"contexts": contexts}


_SET_HINT = "`cictl context set NAME --server URL` adds one; `--server URL` needs none"


def config_path(env: Mapping[str, str]) -> Path:
    """Return the path of the context file, whether it exists or not."""
    base = env.get("XDG_CONFIG_HOME") or str(Path(env.get("HOME") or "~").expanduser() / ".config")
    return Path(base) / "cictl" / "config.yaml"


def read_contexts(env: Mapping[str, str]) -> ContextFile:
    """Read the context file.

    Raises:
        SettingsError: It can't be read, or says something that is not known.
    """
    path = config_path(env)
    if not path.exists():
        return ContextFile(path=path)
    import yaml

    try:
        # Texts stay what they are: as YAML 1.1 a token 0123 would be a number, and a name `on` a truth value.
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader) or {}  # noqa: S506 # nosec B506 # makes texts only
        contexts = {str(name): _parse_context(str(name), value) for name, value in _contexts_of(document).items()}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, ValueError) as error:
        reason = str(error).replace("\n", " ")
        raise SettingsError(f"cannot use {path}: {reason}", hint="correct it, or move it away") from error
    return ContextFile(path=path, contexts=contexts, current=str(document.get("current") or ""))


def _contexts_of(document: Any) -> dict[Any, Any]:
    contexts = document.get("contexts") if isinstance(document, dict) else ()
    if contexts is None:
        return {}
    if not isinstance(contexts, dict):
        raise TypeError("expected a mapping with the keys current and contexts")
    return contexts


def _parse_context(name: str, value: Any) -> Context:
    if not isinstance(value, dict):
        raise TypeError(f"context {name} is not a mapping")
    unknown = set(value) - {f.name for f in fields(Context)} | set(value) & {"name"}
    if unknown:
        raise ValueError(f"context {name} has unknown keys: {', '.join(sorted(map(str, unknown)))}")
    if not value.get("server"):
        raise ValueError(f"context {name} has no server")
    texts = {key: item for key, item in value.items() if key != "protected"}
    for key, text in value.items():
        if not isinstance(text, str):
            raise TypeError(f"context {name}: {key} is one line of text")
    protected = value.get("protected") or "false"
    if protected not in ("true", "false"):
        raise TypeError(f"context {name}: protected is true or false")
    return Context(name=name, **texts, protected=protected == "true")


def _written(context: Context) -> dict[str, Any]:
    """Return *context* as the file has it: without the fields that are empty."""
    said = {f.name: getattr(context, f.name) for f in fields(context) if f.name != "name"}
    return {key: value for key, value in said.items() if value}
