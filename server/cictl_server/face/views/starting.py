"""Starting a pipeline or a chain: a form with its inputs, a preview of what it would enqueue, and the run itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import falcon
import msgspec

from cictl.wire.admin.access import Role
from cictl.wire.projects import (
    OFFLINE_CACHED,
    InputDetail,
    InspectRequest,
    JobDetail,
    Needs,
    PreviewRequest,
    PreviewResponse,
    ProjectDetail,
    RunRequest,
    RunResponse,
)
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.face.forms import read_fields
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.views.queue import whole_number
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.jobs.obstacles import command
from cictl_server.services.projects.lookup import get_chain, get_pipeline

_INPUT = "input."
"""What the name of a field begins with that has the value of an input."""
_ROW = "#"
_VIEWS = {"raw_yaml": "File", "executor_script": "Scripts", "secret_mappings": "Secrets"}


class Startable(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline or a chain.

    Attributes:
        path: Where its pages are: `pipelines/7`.
        jobs: Names of the jobs and rows that can be run alone, by what the form sends: `test`, or `test#0` for a row; none of a chain.
        ref: The branch or tag that it builds when nobody says another one.
    """

    project: ProjectDetail
    id: int
    name: str
    path: str
    inputs: Sequence[InputDetail]
    jobs: Mapping[str, str]
    ref: str

    @property
    def words(self) -> str:
        return f"{self.project.name}/{self.name}"


class _Starting:
    """What the pages of pipelines and of chains share."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    def _start(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        found: Startable,
        run: Callable[[int, RunRequest], RunResponse],
    ) -> None:
        """Start a run as the form says, and go to it; show the form again if it can't be run so."""
        given = _given(req)
        try:
            started = run(found.id, _request(found, given))
        except InvalidRequest as problem:
            self._form(req, resp, found, given=given, problem=problem)
            return
        go_to(req, resp, f"runs/{started.run_number}")

    def _try(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        found: Startable,
        preview: Callable[[int, PreviewRequest], PreviewResponse],
    ) -> None:
        """Show what a run as the form says would enqueue; the form again if it can't be run so."""
        given = _given(req)
        try:
            answer = preview(found.id, _preview(_request(found, given)))
        except InvalidRequest as problem:
            self._form(req, resp, found, given=given, problem=problem)
            return
        verb = "chains" if found.path.startswith("chains/") else "pipelines"
        view = View(
            template="project/preview.html",
            title=f"Preview of {found.words}",
            section="overview",
            command=command(verb, "preview", found.words),
            values={"found": found, "preview": answer, "given": given},
        )
        self._pages.show(req, resp, view)

    def _form(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        found: Startable,
        *,
        given: Mapping[str, str] | None = None,
        problem: InvalidRequest | None = None,
    ) -> None:
        """Show the form: empty, or as somebody has filled it, with what is wrong with it."""
        agents = [agent.agent_id for agent in self._services.agents.heartbeat.list_agents()]
        view = View(
            template="project/start.html",
            title=f"Run {found.words}",
            section="overview",
            command=command("run", found.words),
            values={"found": found, "given": given or {}, "problem": problem, "agents": agents, "prefix": _INPUT},
        )
        self._pages.show(req, resp, view, status=400 if problem else 200)


class _PipelineStarting(_Starting):
    def _find(self, text: str) -> Startable:
        number = media.path_id(text, noun="pipeline")
        with self._services.core.store.read() as view:
            project_id = get_pipeline(view, number).project_id
        project = self._services.projects.projects.get_project(project_id)
        detail = next((one for one in project.pipelines if one.id == number), None)
        if detail is None:
            raise NotFound("pipeline")
        return Startable(
            project=project,
            id=number,
            name=detail.pipeline_id,
            path=f"pipelines/{number}",
            inputs=detail.inputs,
            jobs=_parts(detail.jobs),
            ref=detail.source_ref,
        )


class _ChainStarting(_Starting):
    def _find(self, text: str) -> Startable:
        number = media.path_id(text, noun="pipeline chain")
        with self._services.core.store.read() as view:
            project_id = get_chain(view, number).project_id
        project = self._services.projects.projects.get_project(project_id)
        chain = next((one for one in project.pipeline_chains if one.id == number), None)
        if chain is None:
            raise NotFound("pipeline chain")
        members = {one.pipeline_id: one for one in project.pipelines}
        parts = [members[name] for name in chain.pipelines if name in members]
        inputs = {one.name: one for part in parts for one in part.inputs}
        return Startable(
            project=project,
            id=number,
            name=chain.chain_id,
            path=f"chains/{number}",
            inputs=list(inputs.values()),
            jobs={},
            ref=parts[0].source_ref if parts else "",
        )


class PipelineRunPage(_PipelineStarting):
    """`/pipelines/{pipeline_id}/run`"""

    def on_get(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str) -> None:
        """Show the form."""
        principal_of(req).check_role(Role.OPERATOR)
        self._form(req, resp, self._find(pipeline_id))

    def on_post(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str) -> None:
        """Start a run, and go to it."""
        self._start(req, resp, self._find(pipeline_id), self._services.pipelines.runs.run_pipeline)


class PipelinePreviewPage(_PipelineStarting):
    """`/pipelines/{pipeline_id}/preview`: a form alone"""

    def on_post(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str) -> None:
        """Show what a run would enqueue."""
        self._try(req, resp, self._find(pipeline_id), self._services.pipelines.previews.preview_pipeline)


class PipelineDefinitionPage(_PipelineStarting):
    """`/pipelines/{pipeline_id}/definition`, with `?view=`"""

    def on_get(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str) -> None:
        """Show the file of a pipeline as it was loaded, the scripts of a run, or the secrets that it names."""
        found = self._find(pipeline_id)
        wanted = req.get_param("view") or ""
        view_name = wanted if wanted in _VIEWS else "raw_yaml"
        request = InspectRequest(pipeline_db_id=found.id, view=view_name)
        view = View(
            template="project/definition.html",
            title=f"Definition of {found.words}",
            section="overview",
            command=command("pipelines", "show", found.words, "-o", "yaml"),
            watches=(f"project:{found.project.id}",),
            values={
                "found": found,
                "answer": self._services.pipelines.definition_views.inspect(found.project.id, request),
                "views": _VIEWS,
                "chosen": view_name,
            },
        )
        self._pages.show(req, resp, view)


class ChainRunPage(_ChainStarting):
    """`/chains/{chain_id}/run`"""

    def on_get(self, req: falcon.Request, resp: falcon.Response, chain_id: str) -> None:
        """Show the form."""
        principal_of(req).check_role(Role.OPERATOR)
        self._form(req, resp, self._find(chain_id))

    def on_post(self, req: falcon.Request, resp: falcon.Response, chain_id: str) -> None:
        """Start a run of the chain, and go to it."""
        self._start(req, resp, self._find(chain_id), self._services.pipelines.runs.run_chain)


class ChainPreviewPage(_ChainStarting):
    """`/chains/{chain_id}/preview`: a form alone"""

    def on_post(self, req: falcon.Request, resp: falcon.Response, chain_id: str) -> None:
        """Show what a run of the chain would enqueue."""
        self._try(req, resp, self._find(chain_id), self._services.pipelines.previews.preview_chain)


def _given(req: falcon.Request) -> dict[str, str]:
    """Return the fields of the form. A box has a hidden field before it that says no, so of several values the last counts."""
    return {name: values[-1] for name, values in read_fields(req).items()}


def _request(found: Startable, given: Mapping[str, str]) -> RunRequest:
    priority = given.get("priority", "").strip()
    job, _, row = given.get("job", "").partition(_ROW)
    return RunRequest(
        pipeline_job_id=job,
        matrix_index=whole_number(row, what="row") if row else None,
        execution_mode=OFFLINE_CACHED if given.get("offline") == "true" else "",
        needs=Needs.ADD if job else Needs.REFUSE,
        dry_run=given.get("dry_run") == "true",
        source_ref=given.get("source_ref", "").strip(),
        agent_id=given.get("agent_id", ""),
        inputs=_inputs(found.inputs, given),
        priority=whole_number(priority, what="priority") if priority else None,
    )


def _parts(jobs: Sequence[JobDetail]) -> dict[str, str]:
    parts: dict[str, str] = {}
    for job in jobs:
        parts[job.id] = job.id
        if len(job.matrix_includes) > 1:
            parts |= {f"{job.id}{_ROW}{row.index}": f"{job.id}/{row.name or row.index}" for row in job.matrix_includes}
    return parts


def _inputs(declared: Sequence[InputDetail], given: Mapping[str, str]) -> dict[str, str]:
    """Return the values of the inputs. An empty field leaves an input open, unless it takes any text and has a default."""
    values = {one.name: given.get(_INPUT + one.name, "") for one in declared}
    may_be_empty = {one.name for one in declared if one.type == "text" and one.default is not None}
    return {name: value for name, value in values.items() if value or name in may_be_empty}


def _preview(request: RunRequest) -> PreviewRequest:
    return PreviewRequest(
        pipeline_job_id=request.pipeline_job_id,
        matrix_index=request.matrix_index,
        needs=request.needs,
        offline_cached_only=request.execution_mode == OFFLINE_CACHED,
        source_ref=request.source_ref,
        agent_id=request.agent_id,
        inputs=request.inputs,
    )
