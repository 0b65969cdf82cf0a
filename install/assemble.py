"""Assemble the scripts that users download, one file each, from the parts that they share. `make docs` runs it.

A line `# include NAME` stands for the content of that file. Its path is relative to the file with the line.
"""

from __future__ import annotations

import re
from pathlib import Path

SCRIPTS = Path(__file__).parent
PARTS = SCRIPTS / "parts"
NAMES = ("install-server.sh", "install-agent.sh", "uninstall-server.sh", "uninstall-agent.sh")
MADE = "# Made by `make docs` from install/parts/{name} and what that includes: change it there.\n"
INCLUDE = re.compile(r"^# include (\S+)\n", re.MULTILINE)


def expand(path: Path) -> str:
    """Return the text of a file with all includes replaced, also in included files."""
    return INCLUDE.sub(lambda found: expand(path.parent / found[1]), path.read_text(encoding="utf-8"))


def assemble(name: str) -> str:
    """Return a whole script. Its second line, after the one that names the shell, tells which part it is made from."""
    shell, _, rest = expand(PARTS / name).partition("\n")
    return f"{shell}\n{MADE.format(name=name)}{rest}"


def main() -> None:
    for name in NAMES:
        (SCRIPTS / name).write_text(assemble(name), encoding="utf-8")


if __name__ == "__main__":
    main()
