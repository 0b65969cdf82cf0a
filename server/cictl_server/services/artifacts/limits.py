"""How much a job may keep."""

from __future__ import annotations

import msgspec

from cictl.base.text.sizes import size_text
from cictl_server.errors import TooLarge

_MOST_RATIO = 200
_FREE_OF_RATIO = 1 << 30


class ArtifactLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one upload, which holds all that a job keeps, and of all jobs of a project. 0 switches a limit off.

    Attributes:
        files: How many; in a zip directories count as well.
        total_bytes: Unpacked, all files together.
        project_bytes: Of all that a project keeps.
    """

    files: int = 50_000
    total_bytes: int = 8 << 30
    project_bytes: int = 0

    def check_files(self, count: int) -> None:
        """Raises: TooLarge."""
        if self.files and count > self.files:
            raise TooLarge(f"{count} artifacts; the limit --max-artifact-files is {self.files}")

    def check_bytes(self, total: int) -> None:
        """Raises: TooLarge."""
        if self.total_bytes and total > self.total_bytes:
            raise TooLarge(
                f"artifacts of {size_text(total)}; the limit --max-artifacts is {size_text(self.total_bytes)}"
            )

    def check_project(self, total: int) -> None:
        """Raises: TooLarge."""
        if self.project_bytes and total > self.project_bytes:
            raise TooLarge(
                f"artifacts of {size_text(total)} of one project; the limit --max-project-artifacts is "
                f"{size_text(self.project_bytes)}",
                hint="`cictl retention set --project P --artifact-days N` lets old ones go",
            )

    def check_ratio(self, *, unpacked: int, packed: int) -> None:
        """Refuse a zip that is there to fill the disk. This limit can't be switched off.

        Raises:
            TooLarge: It unpacks to more than 1 GiB and to more than 200 times its size.
        """
        if unpacked > _FREE_OF_RATIO and unpacked > _MOST_RATIO * packed:
            raise TooLarge(
                f"artifacts of {size_text(unpacked)} in a zip of {size_text(packed)}; "
                f"the limit beyond {size_text(_FREE_OF_RATIO)} is {_MOST_RATIO} times the zip's size"
            )
