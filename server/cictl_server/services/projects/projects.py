"""Projects: import from git, reload, views and deletion."""

from __future__ import annotations

import posixpath

import msgspec
from msgspec.structs import replace

from cictl.base.clock import Clock
from cictl.base.names.git_names import SELF
from cictl.base.names.plain_names import RULE, is_plain_name
from cictl.base.urls import without_login
from cictl.project_file import Pipeline, ProjectFile
from cictl.wire.audit.records import TargetKind
from cictl.wire.projects import (
    AS_SERVER,
    ImportRequest,
    ImportResponse,
    JobTokens,
    ProjectDetail,
    ProjectSettings,
    ProjectSummary,
)
from cictl_server.errors import Conflict, GitFailed, InvalidRequest
from cictl_server.services.core.deeds import note_details, note_made
from cictl_server.services.core.hub import Hub
from cictl_server.services.projects.definitions import CommitDefinition, read_definition
from cictl_server.services.projects.git import RemoteFailed, check_ref, check_repository
from cictl_server.services.projects.hook_book import forget_hooks, last_hook
from cictl_server.services.projects.icons import Icon, IconFiles, find_icon
from cictl_server.services.projects.identity import find_namesake, find_project, identity
from cictl_server.services.projects.looks import LookBook
from cictl_server.services.projects.lookup import get_chain, get_pipeline, get_project
from cictl_server.services.projects.ref_lists import BRANCHES
from cictl_server.services.projects.remotes import Remotes
from cictl_server.services.projects.seen_refs import SeenRefsChange
from cictl_server.services.projects.timetable import follow_file
from cictl_server.services.projects.views import project_detail, project_summary
from cictl_server.signals.topics import PROJECTS
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.projects import ChainRecord, PipelineRecord, ProjectRecord

_LONGEST_NAME = 255
_LONGEST_POLL = 86400


class _Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A fetched project file: its source, its definitions, and the icon of the repository."""

    repo_url: str
    repo_ref: str
    definition: CommitDefinition
    icon: bytes | None
    follows_default: bool
    branch: str = ""
    """Of which it was read; empty if that was none, or a look at the repository knows it anyway."""

    def known(self, view: View) -> ProjectRecord | None:
        """Return the project that was imported from the same place."""
        config_file = self.definition.config_file
        return find_project(view, self.repo_url, self.repo_ref, config_file, follows_default=self.follows_default)


class ProjectService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    icons: IconFiles
    remotes: Remotes
    looks: LookBook
    hub: Hub
    clock: Clock

    def list_projects(self) -> list[ProjectSummary]:
        """Return all projects by name."""
        with self.store.read() as view:
            projects = sorted(view.projects.iter_all(), key=lambda p: (p.name, p.id))
            return [project_summary(p, view.pipelines.of_project(p.id), view.chains.of_project(p.id)) for p in projects]

    def get_project(self, project_id: int) -> ProjectDetail:
        """Return one project with its definitions.

        Raises:
            NotFound: No such project.
        """
        with self.store.read() as view:
            project = get_project(view, project_id)
            return project_detail(
                project,
                view.pipelines.of_project(project_id),
                view.chains.of_project(project_id),
                look=self.looks.find(project_id),
                last_hook=last_hook(view, project_id),
            )

    def import_project(self, request: ImportRequest) -> ImportResponse:
        """Fetch a project file and store what it defines. The same URL, ref and file update the same project.

        Raises:
            InvalidRequest: A field is missing or unsafe.
            NotFound: There is no project to replace.
            Conflict: The name is taken and must not be, or another project is of this place already.
            InvalidProject: The file is missing, or breaks a rule; the text says where.
            GitFailed: The repository can't be read.
        """
        repo_url = check_repository(request.repo_url, field="repo_url")
        if not repo_url:
            raise InvalidRequest("repo_url is required")
        repo_ref = check_ref(request.repo_ref, field="repo_ref")
        loaded = self._load(repo_url, repo_ref, _root_file(request.config_file))
        return self.store.write(lambda tx: self._store_import(tx, loaded, request))

    def _store_import(self, tx: Transaction, loaded: _Loaded, request: ImportRequest) -> ImportResponse:
        known = _replaced(tx, loaded, request.replace_id) if request.replace_id else loaded.known(tx)
        given = _given_name(request.name) or (known.given_name if known else "")
        name = given or loaded.definition.file.name
        is_renamed = known is None or known.name != name
        if request.refuses_taken_name and is_renamed and not request.replace_id:
            _check_name(tx, name, loaded.repo_url)
        answer = self._store_loaded(tx, loaded, known, given_name=given)
        _begin_refs(tx, get_project(tx, answer.project_id), loaded)
        self._wake_watcher(tx, answer.project_id)
        return answer

    def _wake_watcher(self, tx: Transaction, project_id: int) -> None:
        """Have the project's repository looked at soon."""
        tx.after_commit(lambda: self.looks.forget(project_id))
        tx.after_commit(lambda: self.hub.publish(PROJECTS))

    def reload_project(self, project_id: int) -> ImportResponse:
        """Fetch the project's file again. An error changes nothing.

        Raises:
            NotFound: No such project.
            InvalidProject, GitFailed: As for the import.
        """
        with self.store.read() as view:
            known = get_project(view, project_id)
        loaded = self._load(known.repo_url, "" if known.follows_default else known.repo_ref, known.config_file)

        def reload(tx: Transaction) -> ImportResponse:
            now = get_project(tx, project_id)
            return self._store_loaded(tx, loaded, now, given_name=now.given_name)

        return self.store.write(reload)

    def store_definition(
        self, tx: Transaction, project: ProjectRecord, definition: CommitDefinition, icon: bytes | None
    ) -> None:
        """Store what a newer commit of the tracked ref of *project* defines."""
        loaded = _Loaded(
            repo_url=project.repo_url,
            repo_ref=project.repo_ref,
            definition=definition,
            icon=icon,
            follows_default=project.follows_default,
        )
        self._store_loaded(tx, loaded, project, given_name=project.given_name)

    def delete_project(self, project_id: int) -> None:
        """Remove a project, its definitions and its secrets; executions stay.

        Raises:
            NotFound: No such project.
        """

        def delete(tx: Transaction) -> None:
            SeenRefsChange(tx, get_project(tx, project_id)).forget()
            forget_hooks(tx, project_id)
            for pipeline in tx.pipelines.of_project(project_id):
                tx.pipelines.delete(pipeline.id)
            follow_file(tx, project_id, now=self.clock())
            for chain in tx.chains.of_project(project_id):
                tx.chains.delete(chain.id)
            for secret in [secret for secret in tx.secrets.iter_all() if secret.project_id == project_id]:
                tx.secrets.delete(secret.id)
            tx.projects.delete(project_id)
            tx.after_commit(lambda: self.icons.put(project_id, None))

        self.store.write(delete)

    def change_settings(self, project_id: int, change: ProjectSettings) -> ProjectSettings:
        """Store the settings that *change* has, and return all that hold then.

        Raises:
            NotFound: No such project.
            InvalidRequest: A setting has an unknown value.
        """
        job_tokens = None if change.job_tokens is None else _job_tokens(change.job_tokens)
        poll_seconds = None if change.poll_seconds is None else _poll_seconds(change.poll_seconds)

        def store(tx: Transaction) -> ProjectSettings:
            project = get_project(tx, project_id)
            badges = project.public_badges if change.public_badges is None else change.public_badges
            project = replace(project, job_tokens=job_tokens or project.job_tokens, public_badges=badges)
            if poll_seconds is not None:
                project = replace(project, poll_seconds=poll_seconds)
                self._wake_watcher(tx, project_id)
            tx.projects.put(project)
            told = None if change.public_badges is None else str(badges).lower()
            note_details(job_tokens=job_tokens, poll_seconds=poll_seconds, public_badges=told)
            own = None if project.poll_seconds == AS_SERVER else project.poll_seconds
            return ProjectSettings(
                job_tokens=project.job_tokens, poll_seconds=own, public_badges=project.public_badges or None
            )

        return self.store.write(store)

    def find_icon(self, project_id: int) -> Icon | None:
        """Return the icon of a project; None if it has none or does not exist."""
        return self.icons.find(project_id)

    def check_pipeline(self, pipeline_db_id: int) -> None:
        """Check that a pipeline exists.

        Raises:
            NotFound: No such pipeline.
        """
        with self.store.read() as view:
            get_pipeline(view, pipeline_db_id)

    def check_chain(self, chain_db_id: int) -> None:
        """Check that a chain exists and can be run.

        Raises:
            NotFound: No such chain.
            InvalidRequest: It has no pipelines.
        """
        with self.store.read() as view:
            chain = get_chain(view, chain_db_id)
        if not chain.pipelines:
            raise InvalidRequest("pipeline chain has no pipelines")

    def _load(self, repo_url: str, repo_ref: str, config_file: str) -> _Loaded:
        """Fetch and parse a project file."""
        try:
            with self.remotes.fetched(repo_url, repo_ref) as tree:
                definition = read_definition(tree, config_file)
                branch, icon = tree.branch, find_icon(tree)
        except RemoteFailed as error:
            raise GitFailed(f"git fetch failed: {error}", hint=error.hint) from error
        return _Loaded(
            repo_url=repo_url,
            repo_ref=repo_ref or branch,
            definition=definition,
            icon=icon,
            follows_default=not repo_ref,
            branch=branch,
        )

    def _store_loaded(
        self, tx: Transaction, loaded: _Loaded, known: ProjectRecord | None, *, given_name: str
    ) -> ImportResponse:
        found = loaded.definition
        project = ProjectRecord(
            id=known.id if known else tx.projects.next_id(),
            name=given_name or found.file.name,
            identity=identity(loaded.repo_url, loaded.repo_ref, found.config_file),
            repo_url=loaded.repo_url,
            repo_ref=loaded.repo_ref,
            config_file=found.config_file,
            loaded_commit=found.commit,
            loaded_blob=found.blob,
            included_files=found.included,
            updated=self.clock(),
            follows_default=loaded.follows_default,
            given_name=given_name,
            job_tokens=known.job_tokens if known else JobTokens.NONE,
            poll_seconds=known.poll_seconds if known else AS_SERVER,
            public_badges=known is not None and known.public_badges,
            notify=found.file.notify,
            ended_targets=_still_named(known.ended_targets if known else [], found.file),
            forge=known.forge if known and known.repo_url == loaded.repo_url else None,
        )
        tx.projects.put(project)
        _store_pipelines(tx, project, found.file)
        _store_chains(tx, project, found.file)
        follow_file(tx, project.id, now=self.clock())
        tx.after_commit(lambda: self.icons.put(project.id, loaded.icon))
        note_made(
            TargetKind.PROJECT,
            project.id,
            project.name,
            repo_url=project.repo_url,
            ref=project.repo_ref,
            commit=found.commit,
        )
        return ImportResponse(
            project_name=project.name,
            repo_url=without_login(project.repo_url),
            repo_ref=project.repo_ref,
            config_file=project.config_file,
            pipelines=len(found.file.pipelines),
            project_id=project.id,
        )


def _still_named(targets: list[str], definition: ProjectFile) -> list[str]:
    """Return those of *targets* that *definition* still wants to tell."""
    named = {entry.target for entry in definition.notify}
    return [target for target in targets if target in named]


def _job_tokens(text: str) -> JobTokens:
    try:
        return JobTokens(text)
    except ValueError:
        raise InvalidRequest(f'job_tokens "{text}" is unknown', hint="one of: " + ", ".join(JobTokens)) from None


def _poll_seconds(seconds: int) -> int:
    if not AS_SERVER <= seconds <= _LONGEST_POLL:
        raise InvalidRequest(
            f"poll_seconds must be {AS_SERVER} to {_LONGEST_POLL}",
            hint=f"0 never looks by itself, {AS_SERVER} does as `serve --poll` says",
        )
    return seconds


def _begin_refs(tx: Transaction, project: ProjectRecord, loaded: _Loaded) -> None:
    """Note where the branch of a new project stands, so that what is pushed from now on starts runs."""
    seen = SeenRefsChange(tx, project)
    if loaded.branch and not seen.knows_all():
        seen.note({BRANCHES + loaded.branch: loaded.definition.commit})


def _replaced(tx: Transaction, loaded: _Loaded, project_id: int) -> ProjectRecord:
    """Return the project that an import takes over.

    Raises:
        NotFound: There is none with this id.
        Conflict: Another one is of the same place already.
    """
    replaced, same = get_project(tx, project_id), loaded.known(tx)
    if same is not None and same.id != replaced.id:
        raise Conflict(
            f'project {same.id} ("{same.name}") is of this repository, ref and file already',
            hint=f"delete project {same.id} first, or import without replacing",
        )
    return replaced


def _given_name(text: str) -> str:
    name = text.strip()
    if not is_plain_name(name):
        raise InvalidRequest(f"name {RULE}")
    return name


def _check_name(tx: Transaction, name: str, repo_url: str) -> None:
    """Check that no project of another repository has *name*.

    Raises:
        Conflict: One has.
    """
    other = find_namesake(tx, name, repo_url)
    if other is not None:
        raise Conflict(
            f'the name "{name}" is taken by project {other.id}, from {without_login(other.repo_url)}',
            hint=f"--replace {other.id} moves that project here and keeps its history; --as NAME gives this one another name",
        )


def _root_file(config_file: str) -> str:
    """Return the cleaned name of a file in the root; empty when none was named.

    Raises:
        InvalidRequest: It is not a plain file name.
    """
    if not config_file.strip():
        return ""
    cleaned = posixpath.normpath(config_file.strip())
    if (
        not cleaned.isprintable()
        or len(cleaned) > _LONGEST_NAME
        or "/" in cleaned
        or "\\" in cleaned
        or cleaned in (".", "..")
    ):
        raise InvalidRequest("config_file must point to a root-level file")
    return cleaned


def _store_pipelines(tx: Transaction, project: ProjectRecord, definition: ProjectFile) -> None:
    """Replace the definitions; a pipeline that stays keeps its id."""
    known = {p.definition.id: p.id for p in tx.pipelines.of_project(project.id)}
    for pipeline in definition.pipelines:
        record_id = known.pop(pipeline.id, None) or tx.pipelines.next_id()
        tx.pipelines.put(PipelineRecord(id=record_id, project_id=project.id, definition=placed(pipeline, project)))
    for record_id in known.values():
        tx.pipelines.delete(record_id)


def _store_chains(tx: Transaction, project: ProjectRecord, definition: ProjectFile) -> None:
    known = {c.chain_id: c.id for c in tx.chains.of_project(project.id)}
    for chain in definition.pipeline_chains:
        record_id = known.pop(chain.id, None) or tx.chains.next_id()
        tx.chains.put(ChainRecord(id=record_id, project_id=project.id, chain_id=chain.id, pipelines=chain.pipelines))
    for record_id in known.values():
        tx.chains.delete(record_id)


def placed(pipeline: Pipeline, project: ProjectRecord) -> Pipeline:
    """Put the project's repository for `self`, and its ref where a pipeline that builds it names none."""
    source = pipeline.vcs_source
    if source is None or source.repo not in (SELF, project.repo_url):
        return pipeline
    if source.ref:
        own = replace(source, repo=project.repo_url)
    else:
        own = replace(source, repo=project.repo_url, ref=project.repo_ref, follows_default=project.follows_default)
    return replace(pipeline, vcs_source=own)
