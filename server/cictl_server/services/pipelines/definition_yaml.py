"""Stored definitions as YAML, in the keys of the project file. A literal token is hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cictl.base.job_parts import JobPart, RetrySpec
from cictl.base.urls import without_login
from cictl.project_file import Input, Job, Pipeline, Step, VaultUse, VcsSource, Versioning
from cictl.project_file.definition import Triggers
from cictl.project_file.outputs import FROM_FILE
from cictl_server.services.secrets.tokens import visible_token

_Node = dict[str, Any]


def pipeline_yaml(pipeline: Pipeline) -> str:
    source, versioning = pipeline.vcs_source, pipeline.versioning
    return _dump(
        {
            "id": pipeline.id,
            "trigger": pipeline.trigger,
            **_present(
                depends_on=pipeline.depends_on,
                on=_triggers(pipeline.on),
                priority=pipeline.priority,
                concurrency=_part(pipeline.concurrency) if pipeline.concurrency else None,
                inputs={name: _input(declared) for name, declared in pipeline.inputs.items()},
                env=pipeline.env,
                vcs_source=_source(source) if source else None,
            ),
            **({"versioning": _versioning(versioning)} if versioning else {}),
            "jobs": [_job(job) for job in pipeline.jobs],
        }
    )


def _source(source: VcsSource) -> _Node:
    node = _present(
        repo=without_login(source.repo), ref=source.ref, path=source.path, submodules=source.submodules, lfs=source.lfs
    )
    if source.depth != 1:
        node["depth"] = source.depth
    if source.tags is not None:
        node["tags"] = source.tags
    return node


def _triggers(on: Triggers | None) -> _Node:
    """Return `on`. A trigger that says nothing more, such as `push: {}`, is there all the same."""
    if on is None:
        return {}
    node = {
        name: _present(**msgspec.structs.asdict(trigger))
        for name, trigger in (("push", on.push), ("pull_request", on.pull_request))
        if trigger is not None
    }
    return node | _present(
        schedule=[_present(**msgspec.structs.asdict(schedule)) for schedule in on.schedule], after=on.after
    )


def _input(declared: Input) -> _Node:
    node = _present(
        type=str(declared.type), options=declared.options, required=declared.required, description=declared.description
    )
    return node if declared.default is None else {**node, "default": declared.default}


def job_yaml(job: Job) -> str:
    return _dump(_job(job))


def _job(job: Job) -> _Node:
    requires = _present(
        tools=job.requires_tools,
        container=_present(tools=job.requires_container_tools),
    )
    return {
        "id": job.id,
        **_present(needs=_needs(job), allow_failure=job.allow_failure, **{"if": job.condition}),
        **({} if job.priority is None else {"priority": job.priority}),
        **({"retry": _retry(job.retry)} if job.retry else {}),
        **({"approval": msgspec.structs.asdict(job.approval)} if job.approval else {}),
        **({"concurrency": _part(job.concurrency)} if job.concurrency else {}),
        **_present(locks=job.locks),
        "runs_on": dict(job.runs_on),
        **_present(requires=requires),
        "timeout_seconds": job.timeout_seconds,
        **_present(
            env=job.env,
            shell=job.shell if job.shell != job.runs_on.get("shell") else "",
            working_directory=job.working_directory,
            services=[_part(service) for service in job.services],
        ),
        "artifacts": [*job.artifacts, *(_part(kept) for kept in job.kept_files)],
        **_present(
            outputs={name: f"{FROM_FILE} {path}" if path else "" for name, path in job.outputs.items()},
            caches=[_part(cache) for cache in job.caches],
        ),
        "matrix": {
            "include": [dict(row) for row in job.matrix],
            **_present(fail_fast=job.fail_fast, max_parallel=job.max_parallel),
        },
        "steps": [_step(step) for step in job.steps],
    }


def _retry(retry: RetrySpec) -> _Node:
    causes = (cause.partition(":") for cause in retry.on)
    return {"limit": retry.limit, "on": [{name: int(code)} if code else name for name, _, code in causes]}


def _needs(job: Job) -> list[str | _Node]:
    stated = job.need_artifacts
    return [{"job": need, "artifacts": stated[need]} if need in stated else need for need in job.needs]


def _step(step: Step) -> _Node:
    test = step.test
    return _present(
        name=step.name,
        **{"if": step.condition},
        run=step.run,
        test=_present(
            name=test.name,
            command=test.command,
            format=test.format,
            report=test.report,
            coverage_format=test.coverage_format,
            coverage_report=test.coverage_report,
        )
        if test
        else None,
        timeout_seconds=step.timeout_seconds,
        working_directory=step.working_directory,
        continue_on_error=step.continue_on_error,
        shell=step.shell,
        skip_dry_run=step.skip_dry_run,
        env=step.env,
        vault=_vault(step.vault),
    )


def _versioning(versioning: Versioning) -> _Node:
    return {
        "file": versioning.file,
        "tag_prefix": versioning.tag_prefix,
        **_present(
            auto_bump=versioning.auto_bump,
            auto_bump_vcs_token=visible_token(versioning.auto_bump_vcs_token),
            auto_bump_vault=_vault(versioning.auto_bump_vault),
        ),
    }


def _vault(vault: VaultUse | None) -> _Node | None:
    if vault is None:
        return None
    secrets = [
        _present(name=s.name, mount=s.mount, path=s.path, key=s.key, kv_version=s.kv_version) for s in vault.secrets
    ]
    return {"connection": vault.connection, "secrets": secrets}


def _part(part: JobPart) -> _Node:
    """Return a part of a job as its keys of the file that are not the default."""
    node = msgspec.to_builtins(part)
    assert isinstance(node, dict)
    return node


def _present(**fields: object) -> _Node:
    """Return the fields that are not empty; mappings become plain dicts."""
    return {key: dict(value) if isinstance(value, Mapping) else value for key, value in fields.items() if value}


def _dump(node: _Node) -> str:
    import yaml  # brings PyYAML in only where somebody looks

    class Dumper(yaml.SafeDumper):
        """Writes commands of several lines as blocks, and never an alias."""

        def ignore_aliases(self, _data: object) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    return yaml.dump(node, Dumper=Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=10_000)
