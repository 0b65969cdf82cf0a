"""Download artifacts: each into a file beside its target, renamed when it is whole and taken up again when it is not."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from cictl.base.names.artifact_paths import BAD_NAME_ERRORS, ends_of_links, link_text
from cictl.base.names.windows_names import is_windows_name
from cictl.base.text.sizes import size_text
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, not_found
from cictl.cli.app.session import Session
from cictl.cli.names import unknown
from cictl.cli.output.outage import lost_text
from cictl.cli.output.table import Column, Result
from cictl.cli.output.text import has_colour
from cictl.wire.codec import Message
from cictl.wire.results.artifacts import Artifact

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")
_ON_WINDOWS = os.name == "nt"

Progress = Callable[[int], None]


class DownloadedFile(Message):
    """One file that was written; the size in bytes. `link` is what a link leads to."""

    path: str
    size_bytes: int
    link: str = ""


class DownloadList(Message):
    """What `jobs download -o json` shows. `refused` names the artifacts that can't be files here."""

    job_execution_id: str
    files: list[DownloadedFile]
    refused: list[str] = msgspec.field(default_factory=list)


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
        self._written: set[tuple[int, int]] = set()
        self.refused: list[str] = []
        """The artifacts that were left out because of their names."""

    def below(self, path: str) -> Result[DownloadedFile]:
        """Download the artifact *path*, or every one that lies below the directory *path*; all of them for an empty one.

        Of several, those with names that can't be files here are left out, and told on stderr.
        """
        artifacts = self._artifacts()
        path = path.rstrip("/")
        exact = [a for a in artifacts if path and a.path == path]
        wanted = exact or [a for a in artifacts if not path or a.path.startswith(path + "/")]
        if not wanted:
            raise unknown(path, [a.path for a in artifacts], "artifact", f"cictl jobs artifacts {self._job_id}")
        return self._download(wanted)

    def named(self, name: str) -> Result[DownloadedFile]:
        """Download the artifacts of the groups of this name, as `below` does."""
        artifacts = self._artifacts()
        wanted = [artifact for artifact in artifacts if artifact.name == name]
        if not wanted:
            names = sorted({artifact.name for artifact in artifacts if artifact.name})
            raise unknown(name, names, "name of artifacts", f"cictl jobs artifacts {self._job_id}")
        return self._download(wanted)

    def _artifacts(self) -> list[Artifact]:
        artifacts = self._client.list_artifacts(self._job_id)
        if not artifacts:
            raise self._nothing()
        return artifacts

    def _download(self, wanted: list[Artifact]) -> Result[DownloadedFile]:
        pairs = list(self._targets(wanted))
        links = self._links([artifact for artifact, _ in pairs])
        files = [(artifact, target) for artifact, target in pairs if artifact.path not in links]
        total = sum(artifact.size_bytes for artifact, _ in files)
        with self._progress(f"{len(wanted)} files" if len(wanted) > 1 else wanted[0].path, total=total) as progress:
            written = list(self._fetched(files, progress))
        # Links come last, so no file is ever written through one.
        written += [self._linked(a, target) for a, target in pairs if a.path in links and self._leads_inside(a, target)]
        return self._result(written)

    def archive(self) -> Result[DownloadedFile]:
        """Download all artifacts as one zip file."""
        if not self._client.list_artifacts(self._job_id):
            raise self._nothing()
        target = self._target(Path(f"{self._job_id}-artifacts.zip"))
        with self._progress(target.name, total=None) as progress, whole_file(target) as sink:
            count = self._client.download_all(self._job_id, sink, progress=progress, links=not _ON_WINDOWS)
        return self._result([DownloadedFile(path=str(target), size_bytes=count)])

    def _targets(self, wanted: Sequence[Artifact]) -> Iterator[tuple[Artifact, Path]]:
        """Yield the artifacts that can be files here, each with its target."""
        for artifact in wanted:
            try:
                yield artifact, self._target(safe_path(artifact.path))
            except UnsafeName:
                if len(wanted) == 1:
                    raise
                self._refuse(artifact, "its name is not safe")

    def _refuse(self, artifact: Artifact, reason: str) -> None:
        self.refused.append(artifact.path)
        self._session.note(f"left out {artifact.path!r}: {reason}")

    def _links(self, artifacts: Sequence[Artifact]) -> Mapping[str, str]:
        """Return the artifacts that become links: those that lead to others of the download."""
        if _ON_WINDOWS:
            return {}
        links = {artifact.path: artifact.link for artifact in artifacts if artifact.link}
        return ends_of_links(links, {artifact.path for artifact in artifacts if not artifact.link})

    def _fetched(self, pairs: Sequence[tuple[Artifact, Path]], progress: Progress | None) -> Iterator[DownloadedFile]:
        done = 0
        for artifact, target in pairs:
            if _identity(target) in self._written:
                self._refuse(artifact, f"on this disk {target} is the file of another artifact")
                continue
            try:
                count = self._fetch(artifact, target, None if progress is None else partial(_add, progress, done))
            except OSError as error:
                if len(pairs) == 1 or error.errno not in BAD_NAME_ERRORS:
                    raise
                self._refuse(artifact, str(error.strerror))
                continue
            if (identity := _identity(target)) is not None:
                self._written.add(identity)
            done += count
            yield DownloadedFile(path=str(target), size_bytes=count)

    def _fetch(self, artifact: Artifact, target: Path, progress: Progress | None) -> int:
        try:
            return self._client.fetch_artifact(
                artifact,
                target,
                progress=progress,
                on_reconnect=lambda error: self._session.note(lost_text(error, then="going on")),
            )
        except KeyboardInterrupt:
            self._session.note("interrupted; the same command goes on where this one ended")
            raise

    def _leads_inside(self, artifact: Artifact, target: Path) -> bool:
        """Tell whether a link would stay in the directory, whose own links among its directories count here."""
        end = target.parent.resolve() / link_text(artifact.path, artifact.link)
        if end.resolve().is_relative_to(self._directory.resolve()):
            return True
        self._refuse(artifact, "the link would lead out of the directory")
        return False

    def _linked(self, artifact: Artifact, target: Path) -> DownloadedFile:
        text = link_text(artifact.path, artifact.link)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".cictl-", dir=target.parent) as aside:
            Path(aside, "link").symlink_to(text)
            Path(aside, "link").replace(target)
        return DownloadedFile(path=str(target), size_bytes=artifact.size_bytes, link=text)

    def _nothing(self) -> Failure:
        return not_found(f"{self._job_id} has no artifacts", hint=f"`cictl jobs show {self._job_id}` shows the job")

    def _target(self, relative: Path) -> Path:
        """Return where to write *relative*.

        Raises:
            UnsafeName: A link leads out of the directory.
            Failure: The file exists.
        """
        target = self._directory / relative
        if not target.parent.resolve().is_relative_to(self._directory.resolve()):
            raise UnsafeName(str(relative))
        if target.exists() and not self._force:
            raise Failure(f"{target} exists", exit_code=ExitCode.CONFLICT, code="exists", hint="--force overwrites it")
        return target

    def _result(self, files: list[DownloadedFile]) -> Result[DownloadedFile]:
        return Result(
            message=DownloadList(job_execution_id=self._job_id, files=files, refused=self.refused),
            rows=files,
            columns=(
                Column("FILE", lambda f: f"{f.path} -> {f.link}" if f.link else f.path),
                Column("SIZE", lambda f: size_text(f.size_bytes)),
            ),
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


class UnsafeName(Failure):
    """An artifact's name under which nothing may be written here."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"will not write the artifact {path!r}: its name is not safe",
            exit_code=ExitCode.ERROR,
            code="unsafe_name",
            hint="download the zip, and look into it with care",
        )


def safe_path(path: str, *, on_windows: bool = _ON_WINDOWS) -> Path:
    """Return an artifact's *path* as a relative path that stays below any directory it is joined to.

    Raises:
        UnsafeName: It is empty, absolute, climbs, has characters that no honest artifact has, or is no name on Windows.
    """
    parts = path.split("/")
    is_bad = _UNSAFE.search(path) or any(part in ("", ".", "..") for part in parts)
    if is_bad or (on_windows and not all(map(is_windows_name, parts))):
        raise UnsafeName(path)
    return Path(*parts)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells one file of this machine from every other; None if there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _add(progress: Progress, before: int, count: int) -> None:
    progress(before + count)


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
