"""`cictl completion`: the scripts that make a shell complete cictl's words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from cictl.cli.app.commands import LocalCommand, new_group
from cictl.cli.app.failures import usage
from cictl.cli.app.session import Session
from cictl.cli.app.words import SHELLS
from cictl.cli.output.table import Column, Result
from cictl.wire.codec import Message

app = new_group("cictl completion install bash\nsource <(cictl completion show bash)")


ShellName = Annotated[str, typer.Argument(metavar="SHELL", help=f"One of {', '.join(SHELLS)}.")]


class Installed(Message):
    """What `completion install -o json` shows: `next` is what is left to do, and may be empty."""

    shell: str
    path: str
    changed: bool
    next: str


@app.command(
    "show", cls=LocalCommand, epilog="source <(cictl completion show bash)\ncictl completion show zsh > _cictl"
)
def show_script(context: typer.Context, shell: ShellName) -> None:
    """Print the script for a shell."""
    Session.of(context).stdout.write(_script(_known(shell)))


@app.command("install", cls=LocalCommand, epilog="cictl completion install bash\ncictl completion install")
def install(
    context: typer.Context,
    shell: Annotated[
        str, typer.Argument(metavar="[SHELL]", help=f"One of {', '.join(SHELLS)}; default: that of $SHELL.")
    ] = "",
) -> None:
    """Put the script for a shell where the shell finds it, and say what is left to do.

    The shell's own start-up files are not touched. Do it again after an update of cictl.
    """
    session = Session.of(context)
    shell = _known(shell or Path(session.env.get("SHELL", "")).name)
    path = script_path(shell, session.env)
    text = _script(shell)
    is_current = path.is_file() and path.read_text(encoding="utf-8") == text
    if not is_current:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    left = next_step(shell, path)
    session.show_done(
        _result(Installed(shell=shell, path=str(path), changed=not is_current, next=left)),
        f"{'already current' if is_current else 'installed'}: {path}",
    )
    session.note(left)


def script_path(shell: str, env: Mapping[str, str]) -> Path:
    """Return the file for *shell* that belongs to the user alone."""
    home = Path(env.get("HOME") or "~").expanduser()
    data = Path(env.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    return {
        "bash": data / "bash-completion" / "completions" / "cictl",
        "zsh": data / "zsh" / "site-functions" / "_cictl",
        "fish": config / "fish" / "completions" / "cictl.fish",
        "powershell": config / "powershell" / "cictl.ps1",
    }[shell]


def next_step(shell: str, path: Path) -> str:
    """Return what the user has to do once, besides starting a new shell."""
    return {
        "bash": f"a new bash has it where bash-completion is installed; without that, add to ~/.bashrc: source '{path}'",
        "zsh": f"add to ~/.zshrc, before compinit: fpath=('{path.parent}' $fpath); autoload -U compinit && compinit",
        "fish": "a new fish has it",
        "powershell": f"add to your $PROFILE: . '{path}'",
    }[shell]


def _known(shell: str) -> str:
    shell = "powershell" if shell == "pwsh" else shell
    if shell not in SHELLS:
        raise usage(f"no completion for the shell {shell!r}", hint=f"one of {', '.join(SHELLS)}")
    return shell


def _script(shell: str) -> str:
    from cictl.cli.completion.generate import SCRIPTS
    from cictl.cli.completion.tree import command_tree

    return SCRIPTS[SHELLS[shell]](command_tree())


def _result(installed: Installed) -> Result[Installed]:
    return Result(
        message=installed,
        rows=[installed],
        columns=(Column("SHELL", lambda i: i.shell), Column("PATH", lambda i: i.path)),
        name=lambda i: i.path,
    )
