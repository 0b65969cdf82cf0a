"""Download artifacts: each into a file beside its target, renamed when it is whole and taken up again when it is not."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from cictl.base.sizes import size_text
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, not_found
from cictl.cli.app.session import Session
from cictl.cli.names import unknown
from cictl.cli.output.outage import lost_text
from cictl.cli.output.table import Column, Result
from cictl.cli.output.text import has_colour
from cictl.wire.artifacts import Artifact
from cictl.wire.codec import Message

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:")

Progress = Callable[[int], None]


class DownloadedFile(Message):
    """One file that was written; the size in bytes."""

    path: str
    size_bytes: int


class DownloadList(Message):
    """What `jobs download -o json` shows."""

    job_execution_id: str
    files: list[DownloadedFile]


class Downloads:
    """Downloads of one job execution's artifacts into a directory.

    Args:
        force: Overwrite files that exist; otherwise they are a conflict.
    """

    def __init__(self, session: Session, job_id: str, *, directory: Path, force: bool) -> None:
        self._session = session
        self._client = session.client
        self._job_id = job_id
        self._directory = directory
        self._force = force

    def below(self, path: str) -> Result[DownloadedFile]:
        """Download the artifact *path*, or every one that lies below the directory *path*; all of them for an empty one."""
        artifacts = self._client.list_artifacts(self._job_id)
        if not artifacts:
            raise self._nothing()
        path = path.rstrip("/")
        exact = [a for a in artifacts if path and a.path == path]
        wanted = exact or [a for a in artifacts if not path or a.path.startswith(path + "/")]
        if not wanted:
            raise unknown(path, [a.path for a in artifacts], "artifact", f"cictl jobs artifacts {self._job_id}")
        pairs = [(artifact, self._target(safe_path(artifact.path))) for artifact in wanted]
        total = sum(artifact.size_bytes for artifact in wanted)
        with self._progress(f"{len(wanted)} files" if len(wanted) > 1 else wanted[0].path, total=total) as progress:
            return self._result(list(self._fetched(pairs, progress)))

    def archive(self) -> Result[DownloadedFile]:
        """Download all artifacts as one zip file."""
        if not self._client.list_artifacts(self._job_id):
            raise self._nothing()
        target = self._target(Path(f"{self._job_id}-artifacts.zip"))
        with self._progress(target.name, total=None) as progress, whole_file(target) as sink:
            count = self._client.download_all(self._job_id, sink, progress=progress)
        return self._result([DownloadedFile(path=str(target), size_bytes=count)])

    def _fetched(self, pairs: Sequence[tuple[Artifact, Path]], progress: Progress | None) -> Iterator[DownloadedFile]:
        done = 0
        for artifact, target in pairs:
            before = done
            try:
                count = self._client.fetch_artifact(
                    artifact,
                    target,
                    progress=None if progress is None else lambda count: progress(before + count),  # noqa: B023
                    on_reconnect=lambda error: self._session.note(lost_text(error, then="going on")),
                )
            except KeyboardInterrupt:
                self._session.note("interrupted; the same command goes on where this one ended")
                raise
            done += count
            yield DownloadedFile(path=str(target), size_bytes=count)

    def _nothing(self) -> Failure:
        return not_found(f"{self._job_id} has no artifacts", hint=f"`cictl jobs show {self._job_id}` shows the job")

    def _target(self, relative: Path) -> Path:
        """Return where to write *relative*.

        Raises:
            Failure: A link leads out of the directory, or the file exists.
        """
        target = self._directory / relative
        if not target.parent.resolve().is_relative_to(self._directory.resolve()):
            raise _unsafe(str(relative))
        if target.exists() and not self._force:
            raise Failure(f"{target} exists", exit_code=ExitCode.CONFLICT, code="exists", hint="--force overwrites it")
        return target

    def _result(self, files: list[DownloadedFile]) -> Result[DownloadedFile]:
        return Result(
            message=DownloadList(job_execution_id=self._job_id, files=files),
            rows=files,
            columns=(Column("FILE", lambda f: f.path), Column("SIZE", lambda f: size_text(f.size_bytes))),
            name=lambda f: f.path,
        )

    @contextmanager
    def _progress(self, name: str, *, total: int | None) -> Iterator[Progress | None]:
        """Draw a bar on stderr while a file comes, if somebody can see it."""
        if not has_colour(self._session.stderr, self._session.env):
            yield None
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
        from rich.progress import Progress as Bars

        console = Console(file=self._session.stderr)
        name_column = TextColumn("{task.description}", markup=False)
        with Bars(name_column, BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console) as bars:
            task = bars.add_task(name, total=total)
            yield lambda count: bars.update(task, completed=count)


def safe_path(path: str) -> Path:
    """Return an artifact's *path* as a relative path that stays below any directory it is joined to.

    Raises:
        Failure: It is empty, absolute, climbs, or has characters that no honest artifact has.
    """
    parts = path.split("/")
    if _UNSAFE.search(path) or any(part in ("", ".", "..") for part in parts):
        raise _unsafe(path)
    return Path(*parts)


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """Yield a file to write to, which becomes *target* on success and is deleted on failure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".cictl-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as sink:
            yield cast(BinaryIO, sink)
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unsafe(path: str) -> Failure:
    return Failure(
        f"will not write the artifact {path!r}: its name is not safe",
        exit_code=ExitCode.ERROR,
        code="unsafe_name",
        hint="download the zip, and look into it with care",
    )
