"""The rules of what outlives a job: caches, artifacts, outputs."""

from cictl.base.job_parts import CacheSpec, When
from cictl.project_file.findings import quote
from cictl.project_file.names import OWN_NAME
from cictl.project_file.outputs import FROM_FILE, file_of_output
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.rules.surroundings import check_directory
from cictl.project_file.schema import ArtifactShape, JobShape, TextMap
from cictl.project_file.source.structure import join_key

_WHEN = tuple(str(when) for when in When)


def check_keeping(job: JobShape, path: str, collector: Collector) -> None:
    """Check what the job at *path* keeps."""
    _check_caches(job.caches, f"{path}.caches", collector)
    for index, item in enumerate(job.artifacts):
        if not isinstance(item, str):
            _check_artifact(item, f"{path}.artifacts[{index}]", collector)
    _check_outputs(job.outputs, f"{path}.outputs", collector)


def _check_caches(caches: list[CacheSpec], path: str, collector: Collector) -> None:
    seen: set[str] = set()
    for index, cache in enumerate(caches):
        where = f"{path}[{index}]"
        id_ = cache.id.strip()
        if not id_:
            collector.add(f"{where}.id", "is required")
        elif id_ in seen:
            collector.add(f"{where}.id", f"duplicate {quote(id_)}")
        seen.add(id_)
        _check_cache(cache, where, collector)


def _check_cache(cache: CacheSpec, path: str, collector: Collector) -> None:
    """Check that a cache lies in one place: outside of the checkout by its variable, or in it by path and key."""
    if is_blank(cache.path):
        if is_blank(cache.env):
            collector.add(f"{path}.env", "is required")
        for name in ("key", "fallback_keys"):
            if getattr(cache, name):
                collector.add(f"{path}.{name}", "needs path, the directory in the checkout that the key is for")
        return
    check_directory(cache.path, f"{path}.path", collector)
    if is_blank(cache.key):
        collector.add(f"{path}.key", "is required with path")
    for index, key in enumerate(cache.fallback_keys):
        if is_blank(key):
            collector.add(f"{path}.fallback_keys[{index}]", "must not be empty")
    if cache.shared:
        collector.add(f"{path}.shared", "is for caches with env alone; one with path belongs to its project and branch")


def _check_artifact(item: ArtifactShape, path: str, collector: Collector) -> None:
    if not item.paths:
        collector.add(f"{path}.paths", "must contain at least one pattern")
    if item.keep_days < 0:
        collector.add(f"{path}.keep_days", "must be >= 0; 0 keeps them as long as the job")
    if not is_blank(item.when) and item.when.strip() not in _WHEN:
        collector.add(f"{path}.when", f"must be one of {','.join(_WHEN)}")


def _check_outputs(outputs: TextMap, path: str, collector: Collector) -> None:
    for name, source in outputs.items():
        where = join_key(path, name)
        if not OWN_NAME.fullmatch(name):
            collector.say_key(where, f"{where} is no name of an output: letters, digits, _ and -, up to 64")
        file = file_of_output(source)
        if file:
            check_directory(file, where, collector)
        elif not is_blank(source):
            collector.add(where, f'must be "{FROM_FILE} PATH", or empty for what a step writes to $CICTL_OUTPUT')
