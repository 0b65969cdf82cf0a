"""Files that tests need: git repositories and zips."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path


def make_repository(path: Path, files: dict[str, str]) -> Path:
    """Write *files* below *path* and commit them on `main`; call it again for another commit."""
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    git(path, "init", "-q", "-b", "main")
    git(path, "add", "-A")
    git(path, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "--allow-empty", "-m", "c")
    return path


def git(path: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(path), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def zipped(files: dict[str, bytes], *, mode: int = 0o644) -> bytes:
    """Return a zip of *files* with this mode for each."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100000 | mode) << 16
            archive.writestr(info, data)
    return buffer.getvalue()
