"""An image that needs no registry: busybox, and two users."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
IMAGE = "localhost/busybox:1"
USER = "1000:1000"
"""The ids of `builder`, whose home is `/home/builder`; the group `video` is 44."""

_TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nbuilder:x:1000:1000:builder:/home/builder:/bin/sh\n",
    "etc/group": "root:x:0:\nvideo:x:44:\nbuilder:x:1000:\n",
}
_DIRECTORIES = {"bin": 0o755, "etc": 0o755, "root": 0o700, "home": 0o755, "home/builder": 0o700, "tmp": 0o1777}


def image_tar(label: bytes) -> bytes:
    """Return the image's files, and the label as one more, by which the image differs from others."""
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True, timeout=30).stdout
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, mode in _DIRECTORIES.items():
            tar.addfile(_member(name, tarfile.DIRTYPE, mode))
        for name, text in _TEXTS.items():
            _add(tar, name, text.encode())
        _add(tar, "label", label)
        _add(tar, "bin/busybox", BUSYBOX.read_bytes(), mode=0o755)
        for applet in sorted(set(applets.split()) - {"busybox"}):
            link = _member(f"bin/{applet}", tarfile.SYMTYPE, 0o777)
            link.linkname = "busybox"
            tar.addfile(link)
    return written.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes, *, mode: int = 0o644) -> None:
    member = _member(name, tarfile.REGTYPE, mode)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, mode
    member.uid = member.gid = 1000 if name.startswith("home/builder") else 0
    return member
