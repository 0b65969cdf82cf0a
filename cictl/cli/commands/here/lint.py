"""`cictl lint`: check a project file where it lies, without a server."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cictl.base.text.plain import plain
from cictl.cli.app.commands import with_examples
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.session import Session
from cictl.cli.output.table import Column, Result
from cictl.cli.projects.place import find_repository
from cictl.cli.projects.project_file import find_project_file, read_beneath
from cictl.project_file import CONFIG_FILES, Finding, lint_warnings
from cictl.project_file import lint as find_problems


class Findings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `lint -o json` shows; lines and columns count from 1. `warnings` are absent where there are none."""

    file: str
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...] = ()


@with_examples(
    "cictl lint\ncictl lint cictl.yaml\ncictl lint -o json --query 'findings[].message'\ngit show HEAD:cictl.yaml | cictl lint -\ncictl lint --schema > project-file.schema.json"
)
def lint(
    context: typer.Context,
    path: Annotated[
        str, typer.Argument(metavar="[FILE|DIR]", help="A project file, a directory that holds one, or - for stdin.")
    ] = ".",
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of project files for editors, and check nothing.")
    ] = False,
) -> None:
    """Check a project file; needs no server.

    Prints FILE:LINE:COLUMN: MESSAGE for each finding, with `warning: ` before the message of what has no effect. Exit codes: 0 clean, also with warnings, 1 findings, 2 nothing to read.
    """
    session = Session.of(context)
    if schema:
        from cictl.project_file.json_schema import schema_text

        session.stdout.write(schema_text())
        return
    name, text = ("stdin", session.stdin.buffer.read()) if path == "-" else _read(path)
    root = _root(Path() if path == "-" else Path(name).parent)
    read_file = partial(read_beneath, root)
    findings = find_problems(text, config_file=Path(name).name, read_file=read_file)
    warnings = lint_warnings(text, config_file=Path(name).name, read_file=read_file)
    if session.wants_data:
        session.show(_result(name, findings, warnings))
    else:
        for kind, found in (("", findings), ("warning: ", warnings)):
            lines = (f"{_file_of(f, name, root)}:{f.line}:{f.column}: {kind}{plain(f.message)}\n" for f in found)
            session.stdout.write("".join(lines))
        session.note(f"{name}: {_count(findings, 'problem') or _ok(warnings)}")
        if not findings and path != "-":
            session.suggest("cictl run --local")
    raise typer.Exit(ExitCode.ERROR if findings else ExitCode.OK)


def _read(path: str) -> tuple[str, bytes]:
    """Return the name to show and the content of the file that *path* means."""
    file = Path(path)
    if file.is_dir():
        found = find_project_file(file)
        if found is None:
            raise _unreadable(f"no {' or '.join(CONFIG_FILES)} in {path}", "name the file, or go where it is")
        file = found
    try:
        return str(file), file.read_bytes()
    except OSError as error:
        raise _unreadable(f"cannot read {path}: {error.strerror}", "`cictl lint FILE`") from error


def _root(directory: Path) -> Path:
    """Return where the paths of included files begin: at the repository around *directory*, else there itself."""
    repository = find_repository(directory)
    if repository is None or directory.is_absolute():
        return repository or directory
    return Path(os.path.relpath(repository))


def _file_of(finding: Finding, name: str, root: Path) -> str:
    return str(root / finding.file) if finding.file else name


def _unreadable(message: str, hint: str) -> Failure:
    return Failure(message, exit_code=ExitCode.USAGE, code="unreadable", hint=hint)


def _count(findings: tuple[Finding, ...], noun: str) -> str:
    return f"{len(findings)} {noun}{'s' * (len(findings) != 1)}" if findings else ""


def _ok(warnings: tuple[Finding, ...]) -> str:
    return ", ".join(filter(None, ("ok", _count(warnings, "warning"))))


def _result(name: str, findings: tuple[Finding, ...], warnings: tuple[Finding, ...]) -> Result[Finding]:
    return Result(
        message=Findings(file=name, findings=findings, warnings=warnings),
        rows=findings,
        columns=(Column("MESSAGE", lambda f: f.message),),
        name=lambda f: f"{f.file or name}:{f.line}:{f.column}",
    )
