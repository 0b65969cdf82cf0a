"""The rules of when jobs run, and run again: `retry`, `approval`, `concurrency` and `locks`."""

from cictl.base.job_parts import (
    APPROVING_ROLES,
    LONGEST_APPROVAL_SECONDS,
    MOST_LOCKS,
    MOST_RETRIES,
    RETRY_CAUSES,
    OnNew,
)
from cictl.project_file.findings import quote
from cictl.project_file.names import NEEDS
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.rules.surroundings import refuse_secrets
from cictl.project_file.schema import ApprovalShape, ConcurrencyShape, RetryShape
from cictl.project_file.templates import names_in

_HIGHEST_EXIT = 255


def check_retry(retry: RetryShape | None, path: str, collector: Collector) -> None:
    """Check the block at *path*, if there is one."""
    if retry is None:
        return
    if not 1 <= retry.limit <= MOST_RETRIES:
        collector.add(f"{path}.limit", f"must be 1 to {MOST_RETRIES}")
    if not retry.on:
        collector.add(f"{path}.on", f"must name what to retry after: {', '.join(RETRY_CAUSES)} or exit: N")
    for index, cause in enumerate(retry.on):
        where = f"{path}.on[{index}]"
        if isinstance(cause, str):
            if cause.strip() not in RETRY_CAUSES:
                collector.add(where, f"must be one of {','.join(RETRY_CAUSES)}, or exit: N")
        elif not 1 <= cause.exit <= _HIGHEST_EXIT:
            collector.add(f"{where}.exit", f"must be 1 to {_HIGHEST_EXIT}")


def check_approval(approval: ApprovalShape | None, path: str, collector: Collector) -> None:
    """Check the block at *path*, if there is one."""
    if approval is None:
        return
    known = ", ".join(APPROVING_ROLES)
    if not approval.roles:
        collector.add(f"{path}.roles", f"must name who may approve: {known}")
    for index, role in enumerate(map(str.strip, approval.roles)):
        if role not in APPROVING_ROLES:
            collector.add(f"{path}.roles[{index}]", f"must be one of {known}")
        elif role in map(str.strip, approval.roles[:index]):
            collector.add(f"{path}.roles[{index}]", f"duplicate {quote(role)}")
    if not 1 <= approval.timeout_seconds <= LONGEST_APPROVAL_SECONDS:
        collector.add(f"{path}.timeout_seconds", f"must be 1 to {LONGEST_APPROVAL_SECONDS}")


def check_concurrency(concurrency: ConcurrencyShape | None, path: str, collector: Collector) -> None:
    """Check the block at *path*, if there is one."""
    if concurrency is None:
        return
    if is_blank(concurrency.group):
        collector.add(f"{path}.group", "is required")
    _check_name_of_run(concurrency.group, f"{path}.group", collector)
    if concurrency.limit < 1:
        collector.add(f"{path}.limit", "must be >= 1")
    if not is_blank(concurrency.on_new) and concurrency.on_new.strip() not in tuple(OnNew):
        collector.add(f"{path}.on_new", f"must be one of {','.join(OnNew)}")


def check_locks(locks: list[str], path: str, collector: Collector) -> None:
    """Check the list at *path*."""
    if len(locks) > MOST_LOCKS:
        collector.add(path, f"has {len(locks)} items; at most {MOST_LOCKS} are allowed")
    for index, lock in enumerate(locks):
        where = f"{path}[{index}]"
        if is_blank(lock):
            collector.add(where, "must not be empty")
        elif lock.strip() in map(str.strip, locks[:index]):
            collector.add(where, f"duplicate {quote(lock.strip())}")
        _check_name_of_run(lock, where, collector)


def _check_name_of_run(template: str, path: str, collector: Collector) -> None:
    """Check a name that is filled in when the run starts: then there are neither secrets nor outputs of other jobs."""
    refuse_secrets(template, path, collector)
    for name in names_in(template):
        if name.startswith(NEEDS):
            collector.add(path, f"uses {quote(name)}, which is not known when the run starts")
