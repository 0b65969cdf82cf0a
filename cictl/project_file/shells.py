"""The shells of a file, and which of them a job and a step run in."""

from cictl.project_file.definition import Step
from cictl.project_file.schema import DefaultsShape, JobShape

SHELLS = ("posix", "bash", "cmd", "powershell")
CONTAINER_SHELLS = ("posix", "bash")


def shell_of_job(job: JobShape, defaults: DefaultsShape) -> str:
    """Return the shell that *job* names itself, else that of its `runs_on`, else the default; empty if nothing names one."""
    named = (job.shell, job.runs_on.get("shell", ""), defaults.shell)
    return next((shell.strip().lower() for shell in named if shell.strip()), "")


def shell_of_step(step: Step, job: JobShape, defaults: DefaultsShape) -> str:
    """Return the shell that *step* names, else that of its job."""
    return step.shell.strip().lower() or shell_of_job(job, defaults)
