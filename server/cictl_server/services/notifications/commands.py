"""Running the programs that the operator of the server allows to be told."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cictl.base.system import children
from cictl.wire.codec import encode
from cictl_server.services.notifications.parcels import NotDelivered, Parcel

COMMAND_SECONDS = 20.0
"""How long a program may take. Then it is killed, with all that it started."""

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
"""What a program gets of the server's environment: nothing that could be a secret."""


class Commands:
    """The programs that project files may name, by name. A file chooses the name and nothing else: no path and no argument."""

    def __init__(self, programs: Mapping[str, Path]) -> None:
        self._programs = programs

    def run(self, parcel: Parcel) -> None:
        """Run the program of *parcel*, which finds the message as JSON in `CICTL_NOTIFICATION`, and its id in `CICTL_NOTIFICATION_ID`.

        Raises:
            NotDelivered: The server does not allow it, or it did not end with code 0.
        """
        program = self._programs.get(parcel.command)
        if program is None:
            raise NotDelivered(
                f"this server allows no such command; `cictl serve --notify-command {parcel.command}=PATH` does"
            )
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {
            "CICTL_NOTIFICATION": encode(parcel.body).decode().strip(),
            "CICTL_NOTIFICATION_ID": parcel.message_id,
        }
        try:
            ended = children.run(
                [str(program)],
                env=environment,
                seconds=COMMAND_SECONDS,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                ends_group=True,
            )
        except subprocess.TimeoutExpired:
            raise NotDelivered(f"it took longer than {COMMAND_SECONDS:.0f} s, and was ended") from None
        except OSError as error:
            raise NotDelivered(f"it can't be started: {error.strerror}") from error
        if ended.returncode:
            raise NotDelivered(f"it ended with code {ended.returncode}")
