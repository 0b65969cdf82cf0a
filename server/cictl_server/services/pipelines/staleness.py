"""Runs whose commit has another project file than the one that is loaded, and so another definition than they follow."""

from __future__ import annotations

import shlex
from functools import lru_cache

from cictl_server.errors import GitFailed, NoCapacity
from cictl_server.services.pipelines.planning import SourceContext
from cictl_server.services.projects.remotes import Remotes
from cictl_server.store.records.projects import ProjectRecord

_SECONDS = 10.0
_MOST_KNOWN = 256


class StaleDefinitions:
    """Compares the project file of the commit that a run builds with the one that was loaded, by the id that git gives each."""

    def __init__(self, remotes: Remotes) -> None:
        self._remotes = remotes
        self._known_blob = lru_cache(_MOST_KNOWN)(self._blob)

    def warnings(self, project: ProjectRecord, source: SourceContext) -> tuple[str, ...]:
        """Return a warning if *source* has another project file, or none of that name; empty where that can't be known."""
        is_own = source.repo == project.repo_url and source.commit
        if not is_own or not project.loaded_blob or source.commit == project.loaded_commit:
            return ()
        try:
            blob = self._known_blob(source.repo, source.commit, (project.config_file, *project.included_files))
        except (GitFailed, NoCapacity):
            return ()
        if blob == project.loaded_blob:
            return ()
        loaded = f"the one that is loaded, which is of {project.loaded_commit[:10]}"
        reload = f"`cictl projects reload {shlex.quote(project.name)}` or `cictl run --reload` loads it"
        return (f"commit {source.commit[:10]} has another {project.config_file} than {loaded}; {reload}",)

    def _blob(self, repo: str, commit: str, names: tuple[str, ...]) -> str:
        """Return the ids of the project file and what it includes at the commit, as `loaded_blob` has them."""
        with self._remotes.fetched(repo, commit, seconds=_SECONDS, question_seconds=_SECONDS) as tree:
            files = [tree.find(name) for name in names]
        return "+".join(file.blob if file else "" for file in files)
