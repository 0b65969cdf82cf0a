"""The rules of `retry`."""

from cictl.base.job_parts import MOST_RETRIES, RETRY_CAUSES
from cictl.project_file.rules.collector import Collector
from cictl.project_file.schema import RetryShape

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
