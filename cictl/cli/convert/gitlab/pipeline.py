"""A `.gitlab-ci.yml` as a pipeline."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from typing import Any

from cictl.cli.convert.gitlab.files import caches, put_artifacts, seconds
from cictl.cli.convert.gitlab.rules import Rules
from cictl.cli.convert.gitlab.texts import VARIABLES, in_text
from cictl.cli.convert.names import id_of
from cictl.cli.convert.output import Block
from cictl.cli.convert.scripts import renamed, unknown
from cictl.cli.convert.source import Mapping, Reference, Sequence, Value, is_true, mapping, texts
from cictl.cli.convert.tally import Tally

_OF_FILE = {"stages", "default", "variables", "workflow", "include", "image", "services", "cache", "before_script"} | {
    "after_script",
    "spec",
    "pages",
}
_INHERITED = (
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
    "tags",
    "timeout",
    "retry",
    "interruptible",
    "artifacts",
)
_TAKEN = {"os", "arch", "executor", "shell", "agent_id"}
"""Words of `runs_on` that are no labels."""

_NEEDLESS = {"stage", "dependencies", "inherit", "interruptible"}
_CAUSES = {
    "runner_system_failure": "agent_lost",
    "stuck_or_timeout_failure": "timed_out",
    "job_execution_timeout": "timed_out",
}


def pipeline_of(file: Mapping, *, name: str, tally: Tally) -> Block:
    """Return the pipeline that does what *file* does; `name` is its id."""
    return _File(file, tally).pipeline(name)


class _File:
    """One file under way."""

    def __init__(self, file: Mapping, tally: Tally) -> None:
        self._file = file
        self._tally = tally
        self._rules = Rules(file, tally)
        self._default = mapping(file.get("default", ""))

    def pipeline(self, name: str) -> Block:
        pipeline = Block(id=name)
        for key, why in (
            ("include", "`include` takes files of the same commit that have `pipelines`: convert them too"),
            ("spec", "values of a run are `inputs`"),
        ):
            if key in self._file:
                pipeline.note(self._tally.leave(self._file.lines[key], key, why))
        jobs = [(job_id, self._extended(job_id), self._file.lines[job_id]) for job_id in self._job_ids()]
        made = [
            self._job(job_id, job, line) for job_id, job, line in sorted(jobs, key=lambda each: self._stage_of(each[1]))
        ]
        on = Block(push=Block(branches=["**"]))
        if "tag" in self._rules.events:
            on.put("push", Block(branches=["**"], tags=["**"]))
        if "pull_request" in self._rules.events:
            on.items.append(("pull_request", Block()))
        if "schedule" in self._rules.events:
            on.note(
                'Schedules stood at the forge. Say them here: `schedule: [{cron: "0 2 * * *", timezone: Europe/Berlin}]`.'
            )
        pipeline.put("on", on)
        self._workflow_rules(pipeline)
        pipeline.put("env", self._variables(pipeline, self._file))
        depth = str(mapping(self._file.get("variables", "")).get("GIT_DEPTH", ""))
        source = Block(repo="self")
        if depth.isdecimal() and depth != "1":
            source.items.append(("depth", int(depth)))
        pipeline.put("vcs_source", source)
        pipeline.put("jobs", made)
        return pipeline

    def _job_ids(self) -> list[str]:
        return [
            key
            for key, value in self._file.items()
            if isinstance(value, Mapping) and (key not in _OF_FILE or key == "pages") and not key.startswith(".")
        ]

    def _extended(self, job_id: str, seen: tuple[str, ...] = ()) -> Mapping:
        """Return a job with what it `extends`, and with what the file says for all."""
        job = mapping(self._file.get(job_id, ""))
        made = Mapping(job)
        made.line, made.lines = job.line, dict(job.lines)
        for base in reversed(texts(job.get("extends", ""))):
            if base not in seen:
                _fill(made, self._extended(base, (*seen, job_id)))
        if not seen:
            for holder in (self._default, self._file):
                for key in _INHERITED:
                    if key in holder and key not in made:
                        made[key], made.lines[key] = holder[key], holder.lines[key]
        return made

    def _stage_of(self, job: Mapping) -> int:
        stages = self._stages
        stage = str(job.get("stage", "test"))
        return stages.index(stage) if stage in stages else len(stages)

    @property
    def _stages(self) -> list[str]:
        return [".pre", *(texts(self._file.get("stages", "")) or ["build", "test", "deploy"]), ".post"]

    def _before(self, job: Mapping) -> list[str]:
        """Return the jobs of the nearest earlier stage that has any."""
        stages: dict[int, list[str]] = {}
        for job_id in self._job_ids():
            stages.setdefault(self._stage_of(self._extended(job_id)), []).append(job_id)
        earlier = [stage for stage in stages if stage < self._stage_of(job)]
        return stages[max(earlier)] if earlier else []

    def _job(self, job_id: str, job: Mapping, line: int) -> Block:
        block = Block(id=_id(job_id))
        if job.get("trigger"):
            why = "`after` of a pipeline of the same file, or `cictl run` in a step with the job's token"
            block.note(self._tally.leave(job.lines["trigger"], "trigger", why))
        self._needs(block, job)
        self._rules.read(block, job)
        self._settings(block, job, line)
        self._matrix(block, job)
        block.put("env", self._variables(block, job))
        block.put("services", self._services(block, job))
        block.put("caches", caches(self._tally, block, job))
        block.put("steps", self._steps(block, job))
        put_artifacts(self._tally, block, job)
        for key in job:
            if key in _NEEDLESS:
                self._tally.needless += 1
        return block

    def _needs(self, block: Block, job: Mapping) -> None:
        """Say the needs; a job without any waits for the stage before its own."""
        needs: list[Any] = [] if "needs" in job else [_id(each) for each in self._before(job)]
        for each in job["needs"] if isinstance(job.get("needs"), Sequence) else []:
            values = mapping(each)
            name = _id(str(values.get("job", "")) if values else str(each))
            if values.get("project") or values.get("pipeline"):
                block.note(self._tally.leave(values.line, "needs of another project", "a run has jobs of one pipeline"))
            elif str(values.get("artifacts", "true")).lower() == "false":
                need = Block(job=name)
                need.items.append(("artifacts", False))
                needs.append(need)
            else:
                needs.append(name)
        if needs:
            self._tally.said += 1
        block.put("needs", needs)

    def _workflow_rules(self, pipeline: Block) -> None:
        rules = mapping(self._file.get("workflow", "")).get("rules", "")
        if rules:
            why = "say it in `on`: which branches, tags and events start runs"
            pipeline.note(self._tally.leave(rules.line, "workflow.rules", why))

    def _settings(self, block: Block, job: Mapping, line: int) -> None:
        runs_on = Block()
        image = job.get("image", "")
        image_name = str(mapping(image).get("name", "")) if isinstance(image, Mapping) else str(image)
        if image_name:
            runs_on.put("container_image", in_text(self._tally, block, image_name, job.lines["image"]))
            self._tally.said += 1
        for tag in texts(job.get("tags", "")):
            if tag in _TAKEN:
                why = "`runs_on` has a meaning of its own for the word; call the label otherwise"
                block.note(self._tally.leave(job.lines["tags"], f"tags: {tag}", why))
            else:
                runs_on.put(tag, "yes")
                self._tally.said += 1
        block.put("runs_on", runs_on)
        if runs_on and len(runs_on.items) > int(bool(image_name)):
            block.note("Agents that have these labels are started as `cictl run-agent --label NAME=yes`.")
        if job.get("timeout"):
            block.put("timeout_seconds", seconds(str(job["timeout"])))
            self._tally.said += 1
        if isinstance(job.get("allow_failure"), Mapping) or is_true(job.get("allow_failure", "")):
            block.put("allow_failure", True)
            self._tally.said += 1
        self._retry(block, job)
        if job.get("resource_group"):
            group = in_text(self._tally, block, str(job["resource_group"]), job.lines["resource_group"])
            block.put("concurrency", Block(group=group, limit=1))
            self._tally.said += 1
        if job.get("environment"):
            why = "deployments are not kept; `approval` lets people decide, and secrets may be for some branches"
            block.note(self._tally.leave(job.lines["environment"], "environment", why))
        for key in ("coverage", "release", "secrets", "id_tokens", "hooks"):
            if job.get(key):
                why = {
                    "coverage": "`coverage_report` of a `test` reads a report",
                    "release": "call the forge's own program in a step",
                    "secrets": "`{{ secret.NAME }}` in the `env` of a step",
                }.get(key, "there is nothing like it")
                block.note(self._tally.leave(job.lines[key], key, why))

    def _retry(self, block: Block, job: Mapping) -> None:
        given = job.get("retry", "")
        if not given:
            return
        values = mapping(given)
        limit = str(values.get("max", "1")) if values else str(given)
        if not limit.isdecimal() or not int(limit):
            return
        when = texts(values.get("when", "")) or ["always"]
        causes: list[Any] = list(dict.fromkeys(_CAUSES[each] for each in when if each in _CAUSES))
        for each in when:
            if each not in _CAUSES:
                why = "a retry names causes: agent_lost, timed_out, signal, or `exit: N`"
                block.note(self._tally.leave(job.lines["retry"], f"retry: {each}", why))
        causes = causes or ["agent_lost", "timed_out"]
        block.put("retry", Block(limit=int(limit), on=causes))
        self._tally.said += 1

    def _matrix(self, block: Block, job: Mapping) -> None:
        parallel = job.get("parallel", "")
        if not parallel:
            return
        rows = mapping(parallel).get("matrix", "")
        if not isinstance(rows, Sequence):
            numbers = [str(each + 1) for each in range(int(str(parallel)))] if str(parallel).isdecimal() else []
            block.put("matrix", Block(axes=Block(part=numbers)))
            block.note(f"Each row knows its number as {{{{part}}}}, of {parallel}.")
            self._tally.said += 1
            return
        matrix, include = Block(), []
        for row in rows:
            axes = {name: texts(value) for name, value in mapping(row).items()}
            if len(rows) == 1:
                made = Block()
                for name, values in axes.items():
                    made.items.append((name, values))
                matrix.put("axes", made)
            else:
                include += _combinations(axes)
        matrix.put("include", include)
        block.put("matrix", matrix)
        self._tally.said += 1

    def _variables(self, block: Block, holder: Mapping) -> Block:
        said = Block()
        variables = mapping(holder.get("variables", ""))
        for name, value in variables.items():
            text = str(mapping(value).get("value", "")) if isinstance(value, Mapping) else str(value)
            if name.startswith(("GIT_", "FF_")):
                self._tally.needless += 1
            else:
                said.items.append((name, in_text(self._tally, block, text, variables.lines[name])))
        if said.items:
            self._tally.said += 1
        return said

    def _services(self, block: Block, job: Mapping) -> list[Block]:
        made = []
        for service in job["services"] if isinstance(job.get("services"), Sequence) else []:
            values = mapping(service)
            image = str(values.get("name", "")) if values else str(service)
            name = str(values.get("alias", "")) or image.rpartition("/")[2].partition(":")[0]
            one = Block(name=name, image=image)
            env = Block()
            for key, value in mapping(values.get("variables", "")).items():
                env.items.append((key, str(value)))
            one.put("env", env)
            made.append(one)
            self._tally.said += 1
        if made and mapping(job.get("variables", "")):
            made[0].note("Services have an `env` of their own, and get no variables of the job.")
        return made

    def _steps(self, block: Block, job: Mapping) -> list[Block]:
        before, script = self._script(block, job, "before_script"), self._script(block, job, "script")
        after = self._script(block, job, "after_script")
        steps = []
        reports = mapping(mapping(job.get("artifacts", "")).get("reports", ""))
        junit = texts(reports.get("junit", ""))
        if before:
            steps.append(Block(run=before))
        if junit and script:
            report: Any = junit[0] if len(junit) == 1 else junit
            test = Block(command=script, format="junit-xml", report=report)
            steps.append(Block(test=test))
            self._tally.said += 1
        else:
            steps.append(Block(run=script or "true"))
        if after:
            step = Block(run=after)
            step.put("if", "always()")
            steps.append(step)
        self._tally.said += len(steps)
        return steps

    def _script(self, block: Block, job: Mapping, key: str) -> str:
        lines = []
        for line in texts(job.get(key, "")):
            if isinstance(line, Reference):
                lines += texts(self._referenced(line))
            else:
                lines.append(line)
        script = "\n".join(line.rstrip("\n") for line in lines)
        for name in unknown(script, VARIABLES):
            block.note(self._tally.leave(job.lines[key], f"${name}", "nothing is set in its place"))
        said = renamed(script, VARIABLES)
        return f"{said}\n" if "\n" in said else said

    def _referenced(self, path: Reference) -> Value:
        value: Value = self._file
        for part in _parts_of(str(path), self._file):
            value = mapping(value).get(part, "")
        return value


def _fill(made: Mapping, base: Mapping) -> None:
    """Take what *base* has and *made* lacks; mappings are merged, as `extends` does."""
    for key, value in base.items():
        if key not in made:
            made[key], made.lines[key] = value, base.lines[key]
        elif isinstance(value, Mapping) and isinstance(made[key], Mapping):
            merged = Mapping(made[key])
            merged.line, merged.lines = made[key].line, dict(made[key].lines)
            _fill(merged, value)
            made[key] = merged


def _id(name: str) -> str:
    return id_of(name, otherwise="job")


def _parts_of(path: str, file: Mapping) -> list[str]:
    """Return the keys of a reference. The first may begin with a dot, and have others in it."""
    first = max((key for key in file if path.startswith(f"{key}.")), key=len, default="")
    return [first, *path[len(first) + 1 :].split(".")] if first else path.split(".")


def _combinations(axes: AnyMapping[str, list[str]]) -> list[Block]:
    rows: list[dict[str, str]] = [{}]
    for name, values in axes.items():
        rows = [{**row, name: value} for row in rows for value in values]
    return [Block(**row) for row in rows]
