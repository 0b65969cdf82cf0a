"""pgbouncer before a PostgreSQL, in transaction mode: each transaction gets whichever connection is free.

Tests that want it are left out where it is not installed. With `CICTL_TEST_POOLER=1` every schema of the tests is reached through one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from cictl_testing.ports import free_port
from cictl_testing.processes import eventually

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
VARIABLE = "CICTL_TEST_POOLER"
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")

_CONFIGURATION = """\
[databases]
pooled = host=127.0.0.1 port={postgres} dbname=postgres user={user} connect_query='SET search_path = {schema}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 8
{settings}
"""


@contextmanager
def pooled(*, postgres: int, user: str, schema: str, settings: str = "") -> Iterator[str]:
    """Start a pgbouncer whose connections work in *schema*, and yield the URL of a store there.

    Args:
        postgres: The port of PostgreSQL.
        settings: Further lines of its configuration.
    """
    assert PROGRAM is not None, "pgbouncer is not installed"
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="cictl-pgbouncer-") as folder:
        file = Path(folder) / "pgbouncer.ini"
        file.write_text(
            _CONFIGURATION.format(postgres=postgres, user=user, schema=schema, port=port, settings=settings)
        )
        Path(folder).chmod(0o755)
        # It refuses to run as root.
        as_user = ["--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        command = ["setpriv", *as_user, "--pdeathsig=KILL", "--", PROGRAM, "-q", str(file)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                url = f"postgresql://{user}@127.0.0.1:{port}/pooled"
                eventually(lambda: _answers(url), what="pgbouncer")
                yield url
            finally:
                process.kill()


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
