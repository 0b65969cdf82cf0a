"""A plugin that fails a run of tests which leaves files in the checkout: tests write below their own directories."""

from __future__ import annotations

import subprocess

import pytest

_SECONDS = 60
_BEFORE = pytest.StashKey[frozenset[str] | None]()


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # of several processes only the first looks
        session.config.stash[_BEFORE] = _untracked(session.config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    before = session.config.stash.get(_BEFORE, None)
    if before is not None and (left := (_untracked(session.config) or before) - before):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(f"left in the checkout: {', '.join(sorted(left))}", red=True)


def _untracked(config: pytest.Config) -> frozenset[str] | None:
    """Return the files that git neither knows nor ignores; None where the tests are not in a checkout, or git takes too long."""
    command = ["git", "ls-files", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(
            command, cwd=config.rootpath, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return frozenset(name for name in done.stdout.split("\0") if name) if done.returncode == 0 else None
