"""What can be wrong with a copy, besides the errors of stores and blobs.

CictlError
├── Conflict       the target holds something, or a server runs at one end
└── CopyDiffers    what was copied is not what there was
"""

from __future__ import annotations

from cictl_server.errors import Conflict, StoreError


class CopyDiffers(StoreError):
    def __init__(self, what: str) -> None:
        super().__init__(
            f"the copy differs: {what}",
            hint="run the same command again; if that does not help, empty the target and begin anew",
        )


class TargetTaken(Conflict):
    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where} holds something: {what}", hint="a copy needs an empty target; choose another one")


class ServerRuns(Conflict):
    def __init__(self, where: str, names: str) -> None:
        super().__init__(f"{where} is in use by {names}", hint="stop every server there first")
