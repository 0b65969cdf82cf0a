"""The project file: its schema, its rules, its templates. Needs no server; `cictl lint` and the import both use it.

What a file can't tell alone is left to the server: an empty `vcs_source.ref` becomes the project's ref only where both
name the same repository; the auto bump needs a run of exactly one job execution; vault connections must exist when a
job is leased; tool constraints are judged when jobs and agents are matched.
"""

from cictl.project_file.definition import (
    Chain,
    Job,
    Pipeline,
    ProjectFile,
    Step,
    Test,
    VaultUse,
    VcsSource,
    Versioning,
)
from cictl.project_file.findings import (
    Finding,
    InvalidConfigError,
    ProjectFileError,
    StructureError,
    UnreadableFileError,
)
from cictl.project_file.templates import render, replace_secrets, secret_names

__all__ = [
    "CONFIG_FILES",
    "Chain",
    "Finding",
    "InvalidConfigError",
    "Job",
    "Pipeline",
    "ProjectFile",
    "ProjectFileError",
    "Step",
    "StructureError",
    "Test",
    "UnreadableFileError",
    "VaultUse",
    "VcsSource",
    "Versioning",
    "lint",
    "parse",
    "render",
    "replace_secrets",
    "secret_names",
]

CONFIG_FILES = ("cictl.yaml", "ciwi-project.yaml")
"""Names to look for in a repository's root when none is given; the first that exists counts."""


def parse(text: str | bytes, *, config_file: str) -> ProjectFile:
    """Return the definition in *text*.

    Args:
        text: UTF-8 when bytes; at most 1 MiB.
        config_file: Name for messages; nothing is opened.

    Raises:
        UnreadableFileError: No document, bad YAML, or beyond the limits of size, depth and expansion.
        StructureError: Unknown or repeated keys, wrong types.
        InvalidConfigError: Rules broken.
    """
    from cictl.project_file.reading import read  # brings PyYAML in

    return read(text, config_file=config_file)


def lint(text: str | bytes, *, config_file: str) -> tuple[Finding, ...]:
    """Return what `parse` would raise as findings; empty for a good file."""
    try:
        parse(text, config_file=config_file)
    except ProjectFileError as error:
        return error.findings
    return ()
