"""The icons of projects. They are found in the repository at import and kept as files, so that a start fetches nothing."""

from __future__ import annotations

import hashlib
import io
import logging
from contextlib import suppress
from heapq import nsmallest

import msgspec

from cictl_server.blobs.contract import BlobError, BlobMissing, Blobs, read_whole
from cictl_server.errors import GitFailed
from cictl_server.services.projects.remotes import FetchedCommit, TreeFile

logger = logging.getLogger(__name__)

ICONS = "icons/"
_LARGEST = 512_000
_NAMES = ("icon", "logo")
_EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp")
_TRIED = 50
"""How many files are looked at, those nearest to the root. A repository may be full of files that only claim to be images;
each is fetched and costs a process."""

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"BM", "image/bmp"),
)


class Icon(msgspec.Struct, frozen=True, kw_only=True):
    """An image and its entity tag, quoted."""

    data: bytes
    media_type: str
    etag: str


class IconFiles:
    """The icons of projects, by their ids."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def find(self, project_id: int) -> Icon | None:
        try:
            data = read_whole(self._blobs, icon_of(self._blobs, project_id))
        except BlobMissing:
            return None
        media_type = _sniffed(data)
        return (
            Icon(data=data, media_type=media_type, etag=f'"{hashlib.sha256(data).hexdigest()}"') if media_type else None
        )

    def put(self, project_id: int, data: bytes | None) -> None:
        """Keep *data* as the project's icon; None removes it. A failure is only logged, because an icon is decoration."""
        key = icon_of(self._blobs, project_id)
        try:
            if data is None:
                self._blobs.delete([key])
            else:
                self._blobs.put(key, io.BytesIO(data))
        except (BlobError, OSError) as error:
            logger.warning("icon not kept project=%d: %s", project_id, error)


def icon_of(blobs: Blobs, project_id: int) -> str:
    """Return the key of a project's icon."""
    return f"{blobs.of_project(str(project_id))}{ICONS}project-{project_id}"


def find_icon(tree: FetchedCommit) -> bytes | None:
    """Return the best image of a commit whose name has `icon` or `logo` in it; None if there is none.

    The largest file wins, then the one nearest to the root, then the first by path. Its content must be an image.
    """
    with suppress(GitFailed):  # a project without an icon works as well
        candidates = nsmallest(_TRIED, (file for file in tree.files() if _may_be_icon(file.path)), key=_depth)
        tree.bring(candidates)
        sizes = {file.path: tree.size(file) for file in candidates}
        for file in sorted(candidates, key=lambda file: -sizes[file.path]):
            if 0 < sizes[file.path] <= _LARGEST and _sniffed(data := tree.read(file, limit=_LARGEST)):
                return data
    return None


def _may_be_icon(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name.endswith(_EXTENSIONS) and any(word in name for word in _NAMES)


def _depth(file: TreeFile) -> tuple[int, str]:
    return file.path.count("/"), file.path


def _sniffed(data: bytes) -> str:
    """Return the media type by the first bytes; empty if it is not one that is served."""
    return next((media_type for signature, media_type in _SIGNATURES if data.startswith(signature)), "")
