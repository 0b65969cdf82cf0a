"""Arguments and options that commands of several files take; the shared ones, such as `-o`, are in `app.commands`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from cictl.base.job_parts import HIGHEST_PRIORITY, LEAST_PRIORITY
from cictl.cli.app.failures import usage
from cictl.wire.projects import Needs

JobId = Annotated[
    str, typer.Argument(metavar="JOB", help="Such as 41/test, @last/test, shop/build/test@last, or a long id.")
]
JobIds = Annotated[
    list[str], typer.Argument(metavar="JOB...", help="Such as 41/test or @last/test; `-` reads one a line from stdin.")
]
RunOption = Annotated[
    str, typer.Option("--run", metavar="RUN", help="All jobs of this run: 41, @last, shop/build@last.")
]
Matrix = Annotated[str, typer.Option("--matrix", metavar="NAME", help="Only the matrix entry of this name.")]
MatrixIndex = Annotated[
    int | None, typer.Option("--matrix-index", metavar="N", min=0, help="Only this matrix entry, counted from 0.")
]
Only = Annotated[bool, typer.Option("--only", help="Leave out the jobs that the selected ones need.")]


def needs(only: bool) -> Needs:
    """Return what becomes of the jobs that a selection needs, by the option --only."""
    return Needs.DROP if only else Needs.ADD


Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="NAME=VALUE", help="Value of an input of the pipeline; may be repeated."),
]


def inputs_in(texts: list[str] | None) -> dict[str, str]:
    """Return the inputs that --input names.

    Raises:
        Failure: One has no `=`, or two are for one input.
    """
    inputs: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise usage(f"--input takes NAME=VALUE, not {text!r}", hint="such as --input level=full")
        if name in inputs:
            raise usage(f"--input {name} is given twice", hint="give each input one value")
        inputs[name] = value
    return inputs


def statuses_in(texts: list[str] | None, *, known: Collection[str]) -> list[str]:
    """Return the statuses that --status names, each several with commas.

    Raises:
        Failure: One is none of *known*.
    """
    statuses = [word.strip() for text in texts or () for word in text.split(",")]
    for status in statuses:
        if status not in known:
            raise usage(f"no such status: {status}", hint=f"one of {', '.join(known)}")
    return statuses


DryRun = Annotated[bool, typer.Option("--dry-run", help="Skip the steps that the project file marks for it.")]
Offline = Annotated[
    bool, typer.Option("--offline", help="Build the commit and version of an earlier run; the server asks no remote.")
]
Reload = Annotated[bool, typer.Option("--reload", help="Load the project's file again first.")]
Ref = Annotated[str, typer.Option("--ref", metavar="REF", help="Branch, tag or commit instead of the pipeline's own.")]
AgentOption = Annotated[str, typer.Option("--agent", metavar="AGENT", help="Run every job on this agent.")]
PriorityOption = Annotated[
    int | None,
    typer.Option(
        "--priority",
        metavar="N",
        min=LEAST_PRIORITY,
        max=HIGHEST_PRIORITY,
        help="Of what waits, the highest goes first; default: what the project file says.",
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end; the exit code is the result.")]
Follow = Annotated[bool, typer.Option("-f", "--follow", help="Wait, and show the logs as they grow.")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", min=0, help="Stop waiting; exit code 8.")
]
CancelOnInterrupt = Annotated[
    bool, typer.Option("--cancel-on-interrupt", help="Let Ctrl-C cancel the jobs instead of leaving them.")
]
Local = Annotated[
    bool,
    typer.Option("--local", help="Run the working tree of this checkout here, with a server and an agent of its own."),
]
EnvFile = Annotated[
    Path | None,
    typer.Option("--env-file", metavar="FILE", help="With --local: variables of all jobs, NAME=value a line."),
]
SecretsFile = Annotated[
    Path | None,
    typer.Option("--secrets-file", metavar="FILE", help="With --local: the secrets that jobs name, NAME=value a line."),
]
Keep = Annotated[bool, typer.Option("--keep", help="With --local: leave logs and artifacts behind, and say where.")]
WorktreeOption = Annotated[
    bool,
    typer.Option("--worktree", help="Send the files of this checkout as they are, and build these; nothing is pushed."),
]
