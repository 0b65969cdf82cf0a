"""Windows has neither the modules nor the functions that only POSIX has; nothing may need them to be imported."""

from __future__ import annotations

import subprocess
import sys

WITHOUT_POSIX = """
import os, pkgutil, signal, sys

# Other people's modules choose by sys.platform; here they are as Linux has them.
import asyncio, filelock, getpass, importlib, multiprocessing, requests, rich.live, rich.prompt, rich.table, subprocess, typer

import cictl.cli, cictl_agent, cictl_client

for name in ("fcntl", "grp", "pwd", "resource", "termios", "tty", "syslog"):
    sys.modules[name] = None
for name in ("fork", "getuid", "geteuid", "getgid", "killpg", "setsid", "getsid", "getpgid", "waitid", "WNOHANG"):
    vars(os).pop(name, None)
for name in ("SIGKILL", "SIGSTOP", "SIGHUP", "SIGPIPE", "SIGWINCH", "SIGTSTP", "SIGCHLD", "pthread_sigmask"):
    vars(signal).pop(name, None)

count = 0
for package in (cictl_agent, cictl_client, cictl.cli):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
            count += 1
print(count)
"""


def test_agent_client_and_commands_can_be_imported_without_posix() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_POSIX], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 80
