"""Settings in a file, for services whose manager sets no environment."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

from cictl.base.environment import setting
from cictl_agent.config import ConfigError

_QUOTES = ("'", '"')


def load_env_file(environment: MutableMapping[str, str], default: Path | None) -> Path | None:
    """Add what an environment file sets and *environment* does not, and return the file; None where there is none.

    Args:
        default: Read where `CICTL_AGENT_ENV_FILE` names no other; it may be missing.

    Raises:
        ConfigError: The file that was named can't be read, or one that is there.
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
    """Return the variables of lines `KEY=VALUE`; blank lines, `#` comments and lines of another form mean nothing.

    One pair of quotes around a value is removed. The last line for a variable stands.
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
