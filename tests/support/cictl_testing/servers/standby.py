"""A replica of a PostgreSQL, which may take over."""

from __future__ import annotations

import subprocess

from cictl_testing.processes import eventually
from cictl_testing.servers.postgres import USER, Postgres


class Standby(Postgres):
    """A streaming replica of another server. It is read-only until it is promoted."""

    def __init__(self, primary: Postgres) -> None:
        self._primary = primary
        super().__init__()

    def promote(self) -> None:
        """Make it a server of its own, which takes changes; the primary must be stopped."""
        self.execute("SELECT pg_promote()")

    def _create(self) -> None:
        source = ["-h", "127.0.0.1", "-p", str(self._primary.port), "-U", USER]
        options = ["-D", str(self._data), "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        command = self._as_user([str(self.programs / "pg_basebackup"), *source, *options])
        done = subprocess.run(command, cwd=self._home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def _prepare(self) -> None:
        """The users came with the copy."""
        eventually(self._streams, what="the replica")

    def _streams(self) -> bool:
        return bool(self._primary.ask("SELECT FROM pg_stat_replication WHERE state = 'streaming'"))
