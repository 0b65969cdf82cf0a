"""Views of a definition: its YAML, the scripts that a run would execute, the secrets that its steps name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext

import msgspec
from msgspec.structs import replace

from cictl.base.job_parts import SecretRef
from cictl.project_file import Job, Pipeline, secret_names
from cictl.wire.jobs import JobSpec, Step
from cictl.wire.projects import InspectRequest, InspectResponse, RunRequest
from cictl_server.errors import InvalidRequest
from cictl_server.services.pipelines.definition_yaml import job_yaml, pipeline_yaml
from cictl_server.services.pipelines.run_preparation import Mode, Preparer
from cictl_server.services.projects.lookup import get_pipeline
from cictl_server.services.secrets.vault.testing import Inspection, VaultTestService
from cictl_server.store.contract import Store
from cictl_server.store.records.secrets import VaultConnectionRecord

_DEFAULT_MOUNT = "kv"
_DEFAULT_KV_VERSION = 2


class InspectService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    preparer: Preparer
    vault_tests: VaultTestService

    def inspect(self, project_id: int, request: InspectRequest) -> InspectResponse:
        """Return one view of a pipeline or of one of its jobs.

        Raises:
            NotFound: No such pipeline.
            InvalidRequest: A field is missing or wrong, or the selection can't be run.
            GitFailed: As `Preparer.pipeline`.
            NoCapacity: Too many tests of secrets run.
        """
        name = request.view.strip().lower() or "raw_yaml"
        view = self._views().get(name)
        if request.pipeline_db_id <= 0:
            raise InvalidRequest("pipeline_db_id is required")
        if request.matrix_index is not None and not request.pipeline_job_id:
            raise InvalidRequest("matrix_index requires pipeline_job_id")
        if view is None:
            raise InvalidRequest("view must be one of raw_yaml,executor_script,secret_mappings")
        pipeline = self._pipeline(project_id, request.pipeline_db_id)
        job = _selected(pipeline, request)
        title, content = view(pipeline, job, request)
        return InspectResponse(view=name, title=title, content=content)

    def _views(self) -> dict[str, Callable[[Pipeline, Job | None, InspectRequest], tuple[str, str]]]:
        return {
            "raw_yaml": _raw_yaml,
            "executor_script": self._executor_script,
            "secret_mappings": self._secret_mappings,
        }

    def _pipeline(self, project_id: int, pipeline_db_id: int) -> Pipeline:
        with self.store.read() as view:
            record = get_pipeline(view, pipeline_db_id)
        if record.project_id != project_id:
            raise InvalidRequest("pipeline does not belong to project")
        return record.definition

    def _executor_script(self, pipeline: Pipeline, job: Job | None, request: InspectRequest) -> tuple[str, str]:
        planned = self._planned(request)
        if len(planned) == 1:
            content = planned[0].script
        else:
            content = "\n\n---\n\n".join(f"# {_label(one)}\n{one.script}" for one in planned)
        return _title(pipeline, job, "script"), content

    def _secret_mappings(self, pipeline: Pipeline, _job: Job | None, request: InspectRequest) -> tuple[str, str]:
        planned, connections = self._planned(request), self._connections()
        with self.vault_tests.inspection() if request.test_secrets else nullcontext() as tested:
            lines = [line for job in planned for line in _mapping(job, connections, tested)]
        title = f"Pipeline {pipeline.id} secret mappings"
        if not lines:
            return title, "no secret mappings found"
        mode = "live Vault secret test" if request.test_secrets else "mapping inspection only"
        return title, "\n".join([f"mode: {mode}", f"pipeline: {pipeline.id}", "", *lines])

    def _connections(self) -> dict[str, VaultConnectionRecord]:
        """Return the connections by name: they have the defaults for what a secret leaves open."""
        with self.store.read() as view:
            return {record.name: record for record in view.vault_connections.iter_all()}

    def _planned(self, request: InspectRequest) -> list[JobSpec]:
        """Return what a run would enqueue.

        Raises:
            InvalidRequest, GitFailed: As `Preparer.pipeline`. InvalidRequest also if that is nothing.
        """
        run = RunRequest(
            pipeline_job_id=request.pipeline_job_id, matrix_index=request.matrix_index, dry_run=request.dry_run
        )
        planned = self.preparer.pipeline(request.pipeline_db_id, run, Mode.INSPECT).planned
        if not planned:
            raise InvalidRequest("no executable scripts after rendering")
        return planned


def _selected(pipeline: Pipeline, request: InspectRequest) -> Job | None:
    """Return the requested job, with only the requested matrix row; None for the whole pipeline."""
    if not request.pipeline_job_id:
        return None
    job = next((one for one in pipeline.jobs if one.id == request.pipeline_job_id), None)
    if job is None:
        raise InvalidRequest(f'pipeline job "{request.pipeline_job_id}" not found')
    index = request.matrix_index
    if index is None:
        return job
    if not 0 <= index < max(1, len(job.matrix)):
        raise InvalidRequest(f"matrix index {index} out of range")
    return replace(job, matrix=job.matrix[index : index + 1])


def _raw_yaml(pipeline: Pipeline, job: Job | None, _request: InspectRequest) -> tuple[str, str]:
    return _title(pipeline, job, "YAML"), pipeline_yaml(pipeline) if job is None else job_yaml(job)


def _title(pipeline: Pipeline, job: Job | None, what: str) -> str:
    return f"Pipeline {pipeline.id} {what}" if job is None else f"Job {job.id} {what}"


def _label(job: JobSpec) -> str:
    name, row = job.facts.pipeline_job_id, job.facts.matrix_name
    return f"{name} / {row}" if row else name


def _mapping(
    job: JobSpec, connections: Mapping[str, VaultConnectionRecord], tested: Inspection | None
) -> Iterator[str]:
    steps = [step for step in job.step_plan if step.vault_connection or step.vault_secrets or _names(step)]
    if steps:
        yield f"job: {_label(job)}"
    for step in steps:
        name = step.vault_connection.strip()
        yield f"  step: {step.name}"
        yield f"    vault_connection: {name or '<missing>'}"
        if tested is not None:
            problem = tested.connection_problem(name)
            yield f"    test_connection: failed ({problem})" if problem else "    test_connection: ok"
        yield from _secrets(step, connections.get(name), tested)


def _secrets(step: Step, connection: VaultConnectionRecord | None, tested: Inspection | None) -> Iterator[str]:
    names = _names(step)
    declared = {secret.name.strip(): secret for secret in step.vault_secrets}
    if not names:
        yield "    referenced_placeholders: (none)"
        yield f"    declared_secrets: {', '.join(sorted(declared))}"
    for name in names:
        if name not in declared:
            yield f"    - {name}: missing in step.vault.secrets"
            continue
        result = "" if tested is None else f" | {_tried(step, declared[name], tested)}"
        yield f"    - {name}: {_place(declared[name], connection)}{result}"


def _tried(step: Step, secret: SecretRef, tested: Inspection) -> str:
    name = step.vault_connection.strip()
    if tested.connection_problem(name):
        return "test=skipped (no connection)"
    problem = tested.secret_problem(name, secret)
    return f"test=error: {problem}" if problem else "test=ok"


def _place(secret: SecretRef, connection: VaultConnectionRecord | None) -> str:
    mount = secret.mount or (connection.kv_default_mount if connection else "") or _DEFAULT_MOUNT
    version = secret.kv_version or (connection.kv_default_version if connection else _DEFAULT_KV_VERSION)
    return f"mount={mount} path={secret.path} key={secret.key} kv_version={version}"


def _names(step: Step) -> list[str]:
    return sorted({name for value in step.env.values() for name in secret_names(value)})
