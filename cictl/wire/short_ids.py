"""The short names of executions, such as `41/test/green`: told by their facts, so server and command line say the same."""

from __future__ import annotations

from cictl.wire.metadata import JobMetadata

SCRIPT = "script"
"""The name of a job that is an ad-hoc script."""


def short_id_of(facts: JobMetadata) -> str:
    """Return the short id of the execution with these *facts*; empty where its run has no number."""
    if not facts.run_number:
        return ""
    return f"{facts.run_number}/{name_in_run(facts)}" + (f":{facts.attempt}" if facts.attempt else "")


def name_in_run(facts: JobMetadata) -> str:
    """Return `[PIPELINE/]JOB[/MATRIX]`, which all executions of a job in its run share."""
    name = job_name(facts) or SCRIPT
    return f"{facts.pipeline_id}/{name}" if facts.chain_run_id else name


def job_name(facts: JobMetadata) -> str:
    """Return `JOB[/MATRIX]`; empty for an ad-hoc script."""
    matrix = facts.matrix_name or facts.matrix_index
    return f"{facts.pipeline_job_id}/{matrix}" if matrix else facts.pipeline_job_id
