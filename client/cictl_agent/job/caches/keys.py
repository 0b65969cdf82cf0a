"""The key of a cache: which content it wants. The plan has left `{{hash_files('PATTERN', …)}}` to the agent, which has the files."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from cictl.base.text.globs import BadPattern
from cictl_agent.job.artifacts.collection import matching_files
from cictl_agent.system.beneath import open_beneath

_CALL = re.compile(r"\{\{\s*hash_files\(([^{}]*)\)\s*\}\}")
_TEXT = r"""(?:'([^']*)'|"([^"]*)")"""
_TEXTS = re.compile(rf"\s*{_TEXT}\s*(?:,\s*{_TEXT}\s*)*")
_DIGITS = 16


class BadKey(ValueError):
    """A key can't be made; the text says why."""


def key_of(text: str, checkout: Path) -> str:
    """Return the key that *text* stands for.

    Each `hash_files` becomes 16 hexadecimal digits that change when one of the matching files changes, comes, goes or gets
    another name. Patterns are those of artifacts.

    Raises:
        BadKey: A call is malformed, no file matches, or one can't be read.
    """
    return _CALL.sub(lambda call: _hash(call[1], checkout), text)


def _hash(arguments: str, checkout: Path) -> str:
    if not _TEXTS.fullmatch(arguments):
        raise BadKey(f"hash_files takes patterns in quotes, separated by commas, not ({arguments})")
    patterns = [single or double for single, double in re.findall(_TEXT, arguments)]
    digest = hashlib.sha256()
    try:
        names = sorted(matching_files(patterns, checkout))
        for name in names:
            digest.update(f"{len(name.encode())} {name}".encode())
            digest.update(_content(checkout, name))
    except (BadPattern, OSError) as error:
        raise BadKey(f"hash_files({arguments}): {error}") from error
    if not names:
        raise BadKey(f"hash_files({arguments}) matches no file")
    return digest.hexdigest()[:_DIGITS]


def _content(checkout: Path, name: str) -> bytes:
    with os.fdopen(open_beneath(checkout, name), "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
