"""The project file: its schema, its rules, its templates. It needs no server; `cictl lint` and the import both use it.

Some rules need more than the file, and the server checks them. An empty `vcs_source.ref` becomes the project's ref only
if both name the same repository. The automatic bump needs a run of exactly one job execution. Vault connections must exist
when a job is leased. Tool constraints are checked when jobs are matched with agents.
"""

from cictl.project_file.definition import (
    Chain,
    Input,
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
from cictl.project_file.source import ReadFile
from cictl.project_file.templates import render, render_all, replace_secrets, secret_names

__all__ = [
    "CONFIG_FILES",
    "Chain",
    "Finding",
    "Input",
    "InvalidConfigError",
    "Job",
    "Pipeline",
    "ProjectFile",
    "ProjectFileError",
    "ReadFile",
    "Step",
    "StructureError",
    "Test",
    "UnreadableFileError",
    "VaultUse",
    "VcsSource",
    "Versioning",
    "lint",
    "lint_warnings",
    "parse",
    "render",
    "render_all",
    "replace_secrets",
    "secret_names",
]

CONFIG_FILES = ("cictl.yaml", "ciwi-project.yaml")
"""The names that are looked for in a repository's root when none is given. The first that exists is used."""


def parse(text: str | bytes, *, config_file: str, read_file: ReadFile | None = None) -> ProjectFile:
    """Return the definition in *text*.

    Args:
        text: UTF-8 when bytes; at most 1 MiB.
        config_file: Its name in messages. No file is opened.
        read_file: Returns the content of a file that is included, by its path in the repository; None if there is none.
            Without it a file that includes others is refused.

    Raises:
        UnreadableFileError: It has no document, is no YAML, or is beyond the limits of size, depth and expansion.
        StructureError: It has unknown or repeated keys, or wrong types.
        InvalidConfigError: It breaks rules.
    """
    from cictl.project_file.reading import read  # brings PyYAML in

    return read(text, config_file=config_file, read_file=read_file)


def lint(text: str | bytes, *, config_file: str, read_file: ReadFile | None = None) -> tuple[Finding, ...]:
    """Return the findings of the error that `parse` would raise; none for a good file."""
    try:
        parse(text, config_file=config_file, read_file=read_file)
    except ProjectFileError as error:
        return error.findings
    return ()


def lint_warnings(text: str | bytes, *, config_file: str, read_file: ReadFile | None = None) -> tuple[Finding, ...]:
    """Return what a good file has in it that is hardly meant, such as a pattern that can match nothing; none for a bad file."""
    from cictl.project_file.reading import read_warnings  # brings PyYAML in

    try:
        return read_warnings(text, config_file=config_file, read_file=read_file)
    except ProjectFileError:
        return ()
