"""The project file of a repository on this machine."""

from __future__ import annotations

from pathlib import Path

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.project_file import CONFIG_FILES


def find_project_file(directory: Path) -> Path | None:
    """Return the project file in *directory*; None if there is none."""
    return next((directory / name for name in CONFIG_FILES if (directory / name).is_file()), None)


def read_beneath(root: Path, path: str) -> bytes | None:
    """Return the content of an included file, as it lies in the checkout; None if there is none."""
    try:
        return (root / path).read_bytes()
    except OSError:
        return None


def write_project_file(root: Path, text: str, *, force: bool) -> Path:
    """Write *text* as the project file of the repository *root*, and return the file.

    Args:
        force: Replace one that is there.

    Raises:
        Failure: One is there (exit code 7), or it can't be written.
    """
    there = next((root / name for name in CONFIG_FILES if (root / name).exists()), None)
    if there is not None and not force:
        raise Failure(
            f"{there} is there already",
            exit_code=ExitCode.CONFLICT,
            code="exists",
            hint="`cictl lint` checks it; --force replaces it",
        )
    file = there or root / CONFIG_FILES[0]
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"cannot write {file}: {error.strerror}", exit_code=ExitCode.ERROR, code="unwritable") from error
    return file
