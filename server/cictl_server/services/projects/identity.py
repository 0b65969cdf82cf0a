"""Which project an import means, and how a project follows its remote's default branch."""

from __future__ import annotations

from msgspec.structs import replace

from cictl_server.store.contract import Transaction, View
from cictl_server.store.records.projects import PipelineRecord, ProjectRecord


def identity(repo_url: str, repo_ref: str, config_file: str) -> str:
    """Return the contract's identity of a project, `<url>@<ref>:<file>`, without the ref if it is unknown."""
    at = f"@{repo_ref}" if repo_ref else ""
    return f"{repo_url}{at}:{config_file}"


def find_project(
    view: View, repo_url: str, repo_ref: str, config_file: str, *, follows_default: bool
) -> ProjectRecord | None:
    """Return the project that an import means; None if it makes a new one.

    No ref is one identity, whatever the default branch is called. In the contract it is also that of the branch's name, so a
    project that was imported with the other way of saying it is the second choice.
    """
    same = identity(repo_url, repo_ref, config_file)
    found = [
        project
        for project in view.projects.iter_all()
        if project.identity == same
        or (
            follows_default
            and project.follows_default
            and (project.repo_url, project.config_file) == (repo_url, config_file)
        )
    ]
    return min(found, key=lambda project: (project.follows_default is not follows_default, project.id), default=None)


def find_namesake(view: View, name: str, repo_url: str) -> ProjectRecord | None:
    """Return a project of this *name* that is of another repository."""
    return next((p for p in view.projects.iter_all() if p.name == name and p.repo_url != repo_url), None)


def follow(tx: Transaction, project_id: int, branch: str) -> None:
    """Note that the default branch of a project that follows it is called *branch* now."""
    project = tx.projects.find(project_id)
    if project is None or not project.follows_default or project.repo_ref == branch:
        return
    named = identity(project.repo_url, branch, project.config_file)
    tx.projects.put(replace(project, repo_ref=branch, identity=named))
    for record in tx.pipelines.of_project(project_id):
        source = record.definition.vcs_source
        if source is not None and source.follows_default:
            definition = replace(record.definition, vcs_source=replace(source, ref=branch))
            tx.pipelines.put(PipelineRecord(id=record.id, project_id=project_id, definition=definition))
