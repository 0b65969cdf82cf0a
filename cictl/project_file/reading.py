"""Read a text into a definition or into findings. The order of the stages is here alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cictl.project_file.build import build
from cictl.project_file.findings import (
    EMPTY_FILE,
    Finding,
    InvalidConfigError,
    ProjectFileError,
    StructureError,
    UnreadableFileError,
)
from cictl.project_file.hints.effects import advise
from cictl.project_file.hints.scripts import advise_scripts
from cictl.project_file.rules.file import validate
from cictl.project_file.source import ReadFile
from cictl.project_file.source.includes import Includer
from cictl.project_file.source.structure import Positions, Walker
from cictl.project_file.source.yaml_tree import DEFAULT_LOADER, SyntaxFault, read_document

if TYPE_CHECKING:
    from cictl.project_file.definition import ProjectFile
    from cictl.project_file.schema import FileShape


def read(
    text: str | bytes, *, config_file: str, loader: type[Any] = DEFAULT_LOADER, read_file: ReadFile | None = None
) -> ProjectFile:
    """Return the definition in *text*. Each stage runs only if the one before found nothing.

    Args:
        loader: The PyYAML loader whose parser gives the events.
        read_file: Reads the files that are included.

    Raises:
        ProjectFileError: A stage failed; the subclass tells which.
    """
    file, _ = _read_shape(text, config_file=config_file, loader=loader, read_file=read_file)
    return build(file, config_file=config_file)


def read_warnings(text: str | bytes, *, config_file: str, read_file: ReadFile | None = None) -> tuple[Finding, ...]:
    """Return what is hardly meant in a good file, and in what it includes.

    Raises:
        ProjectFileError: As `read`.
    """
    file, positions = _read_shape(text, config_file=config_file, loader=DEFAULT_LOADER, read_file=read_file)
    content = text if isinstance(text, str) else text.decode()
    found = (*advise(file, positions), *advise_scripts(file, positions, content.removeprefix("\ufeff")))
    return tuple(sorted(found, key=lambda finding: (finding.file, finding.line, finding.column)))


def _read_shape(
    text: str | bytes, *, config_file: str, loader: type[Any], read_file: ReadFile | None
) -> tuple[FileShape, Positions]:
    """Return a file that breaks no rules, as it is written, and where everything stands in it."""
    walker, includer = Walker(), Includer(read_file, loader=loader)
    try:
        root = read_document(text, loader=loader)
        if root is None:
            raise _unreadable(config_file, SyntaxFault(EMPTY_FILE))
        file = walker.read_file(includer.with_included(root))
    except SyntaxFault as fault:
        raise _unreadable(config_file, fault) from fault
    if (
        file is not None
        and not includer.findings
        and sum(bool(include.file) for include in file.include) > includer.count
    ):
        includer.report(root, "include", "include must stand in the file itself, not in what a merge key brings")
    if file is None or includer.findings:
        raise StructureError(config_file, (*includer.findings, *walker.findings))
    broken = validate(file, walker.positions)
    if broken:
        raise InvalidConfigError(config_file, broken)
    return file, walker.positions


def _unreadable(config_file: str, fault: SyntaxFault) -> ProjectFileError:
    finding = Finding(line=fault.line, column=fault.column, path="", message=fault.reason, file=fault.file)
    return UnreadableFileError(config_file, (finding,))
