"""The definition that the project file of one commit gives, together with what the file includes."""

from __future__ import annotations

import msgspec

from cictl.project_file import CONFIG_FILES, ProjectFile, ProjectFileError, parse
from cictl.project_file.findings import MAX_SHOWN
from cictl.wire.problems import FileFinding
from cictl_server.errors import GitFailed, InvalidProject
from cictl_server.services.projects.remotes import FetchedCommit


class CommitDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """What the project file of one commit defines.

    Attributes:
        config_file: The name of the file.
        blob: As `ProjectRecord.loaded_blob`.
        included: The paths of the files that it includes.
    """

    commit: str
    config_file: str
    blob: str
    included: list[str]
    file: ProjectFile


class NoProjectFile(InvalidProject):
    """A commit has no project file."""


def read_definition(tree: FetchedCommit, config_file: str) -> CommitDefinition:
    """Return the definition at a commit.

    Args:
        config_file: The name of the file in the root; empty for the first of `CONFIG_FILES` that exists.

    Raises:
        NoProjectFile: There is none.
        InvalidProject: It is too large or breaks rules, or a file that it includes does.
        RemoteFailed: The remote does not send it.
    """
    name, blob, text = _file_of(tree, config_file)
    included = _IncludedFiles(tree)
    file = _parsed(text, name, included)
    return CommitDefinition(
        commit=tree.commit,
        config_file=name,
        blob="+".join([blob, *included.blobs.values()]),
        included=list(included.blobs),
        file=file,
    )


def _file_of(tree: FetchedCommit, config_file: str) -> tuple[str, str, bytes]:
    """Return the name, git's id and the text of the project file; without a name, the first of `CONFIG_FILES` that exists.

    Raises:
        NoProjectFile: There is none.
        InvalidProject: It is too large.
    """
    names = (config_file,) if config_file else CONFIG_FILES
    found = next(filter(None, map(tree.find, names)), None)
    if found is None:
        raise NoProjectFile(f'repo is not a valid cictl project: missing root file "{names[0]}"')
    try:
        return found.path, found.blob, tree.read(found)
    except GitFailed as error:
        raise InvalidProject(f"repo is not a valid cictl project: {error}", hint=error.hint) from error


class _IncludedFiles:
    """Reads the files of a commit that its project file includes, and notes git's ids of them."""

    def __init__(self, tree: FetchedCommit) -> None:
        self.blobs: dict[str, str] = {}
        self._tree = tree

    def read(self, path: str) -> bytes | None:
        """Return the content of the file at *path*; None if there is none.

        Raises:
            InvalidProject: It is too large.
        """
        found = self._tree.find(path)
        if found is None:
            return None
        self.blobs[path] = found.blob
        try:
            return self._tree.read(found)
        except GitFailed as error:
            raise InvalidProject(f"an included file can't be read: {error}", hint=error.hint) from error


def _parsed(text: bytes, name: str, included: _IncludedFiles) -> ProjectFile:
    """Return the definition in the project file of this *name*.

    Raises:
        InvalidProject: It breaks rules, or a file that it includes does.
    """
    try:
        return parse(text, config_file=name, read_file=included.read)
    except ProjectFileError as error:
        findings = [
            FileFinding(file=found.file or name, line=found.line, column=found.column, message=found.message)
            for found in error.findings[:MAX_SHOWN]
        ]
        hint = "`cictl lint FILE` checks a file without a server"
        raise InvalidProject(str(error), hint=hint, findings=findings) from error
