"""Files of `NAME=value` lines, as `docker --env-file` reads them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from cictl.cli.app.failures import usage

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def read_variables(file: Path | None, *, option: str) -> dict[str, str]:
    """Return the variables of *file*; none without one.

    A value is everything behind the first `=`, quotes and spaces included. A line with a name alone takes the value from the
    environment, and nothing if that has none. Empty lines and those that begin with `#` are skipped.

    Args:
        option: How the user named the file, for messages.

    Raises:
        Failure: It can't be read, or a line has no name.
    """
    if file is None:
        return {}
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise usage(f"cannot read {option} {file}: {reason}") from error
    variables: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.lstrip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not _NAME.fullmatch(name):
            raise usage(
                f"{file}:{number}: not NAME=value", hint="a name has letters, digits and _, and is followed by ="
            )
        if equals:
            variables[name] = value
        elif name in os.environ:
            variables[name] = os.environ[name]
    return variables
