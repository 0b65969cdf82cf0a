"""The secrets that an execution needs when it is leased. No connection to a vault can be configured yet, so none is found."""

from __future__ import annotations

from cictl.project_file import secret_names
from cictl_server.store.records import JobRecord


def secrets_problem(job: JobRecord) -> str:
    """Return why the secrets of *job* can't be had, in the contract's words; empty when it needs none.

    Steps that a dry run skips need none. Without this, a step would see the placeholder itself and take it for the secret.
    """
    for number, step in enumerate(job.step_plan, start=1):
        names = [name for value in step.env.values() for name in secret_names(value)]
        if step.kind == "dryrun_skip" or not names:
            continue
        if not step.vault_connection:
            detail = f"step {number} uses secret placeholders but has no vault.connection"
        else:
            detail = f'resolve vault connection "{step.vault_connection}": this server has no vault connections'
        return f"secret resolution failed before execution: {detail}"
    return ""
