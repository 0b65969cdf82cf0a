"""What the things are called that a path names by their ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from cictl.wire.audit.records import TargetKind
from cictl_server.errors import NotFound
from cictl_server.services.core.ids import job_number
from cictl_server.store.contract import Store, View
from cictl_server.store.records.jobs import JobRecord


class Names(msgspec.Struct, frozen=True, kw_only=True):
    store: Store

    def find(self, kind: TargetKind, target_id: str) -> str:
        """Return the name of a thing; empty if there is none, or no such thing."""
        find = _FINDERS.get(kind)
        if find is None:
            return ""
        with self.store.read() as view:
            return find(view, target_id)


def job_name(job: JobRecord) -> str:
    """Return project, pipeline and job of an execution, as far as it has them."""
    facts = job.facts
    return "/".join(filter(None, (facts.project, facts.pipeline_id, facts.pipeline_job_id)))


def _job(view: View, text: str) -> str:
    try:
        job = view.jobs.find(job_number(text))
    except NotFound:
        return ""
    return job_name(job) if job else ""


def _project(view: View, text: str) -> str:
    project = view.projects.find(_number(text))
    return project.name if project else ""


def _pipeline(view: View, text: str) -> str:
    pipeline = view.pipelines.find(_number(text))
    return _within(view, pipeline.project_id, pipeline.definition.id) if pipeline else ""


def _chain(view: View, text: str) -> str:
    chain = view.chains.find(_number(text))
    return _within(view, chain.project_id, chain.chain_id) if chain else ""


def _secret(view: View, text: str) -> str:
    secret = view.secrets.find(_number(text))
    return secret.name if secret else ""


def _token(view: View, text: str) -> str:
    token = view.tokens.find(_number(text))
    return token.name if token else ""


def _vault(view: View, text: str) -> str:
    connection = view.vault_connections.find(_number(text))
    return connection.name if connection else ""


def _within(view: View, project_id: int, name: str) -> str:
    project = view.projects.find(project_id)
    return f"{project.name}/{name}" if project else name


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


_FINDERS: Mapping[TargetKind, Callable[[View, str], str]] = {
    TargetKind.CHAIN: _chain,
    TargetKind.JOB: _job,
    TargetKind.PIPELINE: _pipeline,
    TargetKind.PROJECT: _project,
    TargetKind.SECRET: _secret,
    TargetKind.TOKEN: _token,
    TargetKind.VAULT: _vault,
}
"""The kinds that have names besides their ids."""
