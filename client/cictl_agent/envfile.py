"""Reading settings from a file, for services whose manager sets no environment."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

from cictl.base.system.environment import setting
from cictl_agent.config import ConfigError

_QUOTES = ("'", '"')


def load_env_file(environment: MutableMapping[str, str], default: Path | None) -> Path | None:
    """Add the variables of a file that *environment* lacks, and return the file; None without a file.

    Args:
        default: Read where `CICTL_AGENT_ENV_FILE` names no file; it may be missing.

    Raises:
        ConfigError: The named file can't be read, or the default one is there and can't be read.
    """
    named = setting(environment, "AGENT_ENV_FILE")
    path = Path(named).expanduser() if named else default
    if path is None or (not named and not path.exists()):
        return None
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the environment file {path}: {error}") from error
    for name, value in parse_env_file(text).items():
        environment.setdefault(name, value)
    return path


def parse_env_file(text: str) -> dict[str, str]:
    """Return the variables of lines `KEY=VALUE`; blank lines, `#` comments and other lines are ignored.

    One pair of quotes around a value is removed. Of two lines for a variable the last wins.
    """
    variables = {}
    for line in map(str.strip, text.splitlines()):
        name, equals, value = line.partition("=")
        if equals and name.strip() and not line.startswith("#"):
            variables[name.strip()] = _unquoted(value.strip())
    return variables


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES
    return value[1:-1] if is_quoted else value
