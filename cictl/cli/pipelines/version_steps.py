"""`cictl pipelines version`: watch the server resolve a pipeline's version."""

from __future__ import annotations

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.session import Session
from cictl.cli.names import Target
from cictl.cli.output.table import Column, Result
from cictl.wire.projects import VersionResolved, VersionStep


def resolve(session: Session, target: Target) -> None:
    """Tell each step on stderr as it happens, and show the version.

    Raises:
        Failure: There is none, and a step says why.
    """
    trouble = ""
    for step in session.client.resolve_version(target.definition.id):
        if isinstance(step, VersionResolved):
            if trouble:
                raise _unresolved(target, trouble, hint="a run goes on without a version")
            session.show(_result(target, step))
            return
        if step.step == "done":
            show = f"cictl pipelines show {target.full_name}"
            raise _unresolved(target, step.message, hint=f"a run would be refused too; `{show}` shows what it needs")
        trouble = step.message if step.status == "error" else trouble
        session.note(_text(step))


def _text(step: VersionStep) -> str:
    return f"{step.step}: {'error: ' if step.status == 'error' else ''}{step.message}"


def _unresolved(target: Target, why: str, *, hint: str) -> Failure:
    return Failure(
        f"{target.full_name} has no version: {why}", exit_code=ExitCode.ERROR, code="version_unresolved", hint=hint
    )


def _result(target: Target, found: VersionResolved) -> Result[VersionResolved]:
    rows = [found] if found.pipeline_version else []
    return Result(
        message=found,
        rows=rows,
        columns=(
            Column("Version", lambda v: v.pipeline_version),
            Column("Without prefix", lambda v: v.pipeline_version_raw),
            Column("Commit", lambda v: v.source_ref_resolved),
            Column("File", lambda v: v.version_file),
            Column("Tag prefix", lambda v: v.tag_prefix),
            Column("Auto bump", lambda v: v.auto_bump),
        ),
        name=lambda v: v.pipeline_version,
        names=tuple(row.pipeline_version for row in rows),
        detailed=True,
        empty=f"{target.full_name} has no versioning",
    )
