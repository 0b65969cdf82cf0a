"""The rules of a whole project file. Findings are reported in the order of the checks here."""

from cictl.base.names.plain_names import RULE, is_plain_name
from cictl.project_file.findings import Finding, quote
from cictl.project_file.matrix import MAX_COMBINATIONS, combinations
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.rules.graphs import check_references, find_cycle
from cictl.project_file.rules.jobs import check_id, check_shell
from cictl.project_file.rules.notify import check_notify
from cictl.project_file.rules.pipelines import check_pipeline
from cictl.project_file.rules.surroundings import check_limit, check_shared_environment
from cictl.project_file.schema import ChainShape, DefaultsShape, FileShape
from cictl.project_file.source.structure import Positions


def validate(file: FileShape, positions: Positions) -> tuple[Finding, ...]:
    """Return a finding for each rule that *file* breaks; none if it can be imported."""
    collector = Collector(positions)
    if file.version != 1:
        collector.say("version", f"unsupported config version {file.version}")
    if is_blank(file.project.name):
        collector.add("project.name", "is required")
    elif not is_plain_name(file.project.name.strip()):
        collector.add("project.name", RULE)
    for index, include in enumerate(file.include):
        if is_blank(include.file):
            collector.add(f"include[{index}].file", "is required")
    _check_defaults(file.defaults, collector)
    if not file.pipelines:
        collector.add("pipelines", "must contain at least one pipeline")
        return collector.findings
    count = sum(combinations(job.matrix) for pipeline in file.pipelines for job in pipeline.jobs)
    if count > MAX_COMBINATIONS:
        text = f"have matrices with {count} combinations of axes in all; at most {MAX_COMBINATIONS} are allowed"
        collector.add("pipelines", text)
        return collector.findings
    seen: set[str] = set()
    for index, pipeline in enumerate(file.pipelines):
        path = f"pipelines[{index}]"
        check_id(pipeline.id, f"{path}.id", seen, collector)
        check_pipeline(pipeline, path, collector, defaults=file.defaults)
    _check_dependencies(file, collector)
    _check_chains(file, collector)
    check_notify(file, collector)
    return collector.findings


def _check_defaults(defaults: DefaultsShape, collector: Collector) -> None:
    check_shared_environment(defaults.env, "defaults.env", collector)
    check_limit(defaults.timeout_seconds, "defaults.timeout_seconds", collector)
    check_shell(defaults.shell, "defaults.shell", collector)


def _check_dependencies(file: FileShape, collector: Collector) -> None:
    """Check the references in `depends_on`, and that no pipeline depends on itself through others."""
    known = {pipeline.id for pipeline in file.pipelines}
    for index, pipeline in enumerate(file.pipelines):
        path = f"pipelines[{index}].depends_on"
        check_references(
            pipeline.depends_on, path, collector, own=pipeline.id, known=known, noun="pipeline", skip_blank=True
        )
        after = pipeline.on.after if pipeline.on is not None else []
        where = f"pipelines[{index}].on.after"
        check_references(after, where, collector, own=pipeline.id, known=known, noun="pipeline")
    starts = ((p.id, [item.strip() for item in p.on.after] if p.on is not None else []) for p in file.pipelines)
    if cycle := find_cycle((id_, [item for item in items if item != id_]) for id_, items in starts):
        collector.say("pipelines", f"pipelines start each other for ever by on.after: {quote(' -> '.join(cycle))}")
    others = ((p.id, [item for item in p.depends_on if item.strip() != p.id]) for p in file.pipelines)
    cycle = find_cycle(others)
    if cycle:
        collector.say("pipelines", f"pipelines contain cyclic depends_on graph: {quote(' -> '.join(cycle))}")


def _check_chains(file: FileShape, collector: Collector) -> None:
    known = {pipeline.id for pipeline in file.pipelines}
    seen: set[str] = set()
    for index, chain in enumerate(file.pipeline_chains):
        path, id_ = f"pipeline_chains[{index}]", chain.id.strip()
        if not id_:
            collector.add(f"{path}.id", "is required")
        elif id_ in seen:
            collector.add(f"{path}.id", f"duplicate {quote(id_)}")
        seen.add(id_)
        if chain.pipelines:
            _check_members(chain, f"{path}.pipelines", known, collector)
        else:
            collector.add(f"{path}.pipelines", "must contain at least one pipeline id")


def _check_members(chain: ChainShape, path: str, known: set[str], collector: Collector) -> None:
    seen: set[str] = set()
    for index, item in enumerate(chain.pipelines):
        where, target = f"{path}[{index}]", item.strip()
        if not target:
            collector.add(where, "must not be empty")
        elif target not in known:
            collector.add(where, f"references unknown pipeline {quote(target)}")
        elif target in seen:
            collector.add(where, f"duplicate pipeline {quote(target)}")
        seen.add(target)
