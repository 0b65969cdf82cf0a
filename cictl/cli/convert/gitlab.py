"""Pipelines of GitLab: `.gitlab-ci.yml`."""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping
from typing import Any

from cictl.cli.convert.output import Block
from cictl.cli.convert.scripts import renamed, unknown
from cictl.cli.convert.source import Mapping, Reference, Sequence, Value, is_true, mapping, texts
from cictl.cli.convert.tally import NEVER, UNSAID, Tally
from cictl.expressions import ExpressionError, parse

VARIABLES: AnyMapping[str, str] = {
    "CI_COMMIT_SHA": "CICTL_COMMIT",
    "CI_COMMIT_REF_NAME": "CICTL_REF_NAME",
    "CI_COMMIT_BRANCH": "CICTL_BRANCH",
    "CI_COMMIT_TAG": "CICTL_TAG",
    "CI_PIPELINE_ID": "CICTL_RUN_ID",
    "CI_PIPELINE_IID": "CICTL_RUN_ID",
    "CI_JOB_NAME": "CICTL_JOB",
    "CI_JOB_ID": "CICTL_JOB_EXECUTION_ID",
    "CI_PROJECT_NAME": "CICTL_PROJECT",
    "CI_PROJECT_DIR": "PWD",
    "CI_JOB_TOKEN": "",
    "CI_COMMIT_SHORT_SHA": "",
    "CI_COMMIT_REF_SLUG": "",
    "CI_REGISTRY": "",
    "CI_REGISTRY_IMAGE": "",
    "CI_REGISTRY_USER": "",
    "CI_REGISTRY_PASSWORD": "",
    "CI_DEFAULT_BRANCH": "",
    "CI_MERGE_REQUEST_IID": "",
    "CI_PIPELINE_SOURCE": "",
}

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
_TEMPLATED = re.compile(r"\$(?:\{(CI_[A-Z_]+)\}|(CI_[A-Z_]+))")
_IN_TEXTS = {
    "CI_COMMIT_SHA": "{{sha}}",
    "CI_COMMIT_BRANCH": "{{branch}}",
    "CI_COMMIT_REF_NAME": "{{branch}}",
    "CI_COMMIT_REF_SLUG": "{{branch}}",
    "CI_COMMIT_TAG": "{{tag}}",
    "CI_PIPELINE_ID": "{{run}}",
}
_DURATION = re.compile(r"(\d+)\s*(w|d|h|m|s)")
_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_CAUSES = {
    "runner_system_failure": "agent_lost",
    "stuck_or_timeout_failure": "timed_out",
    "job_execution_timeout": "timed_out",
}
_EVENTS = {
    "push": "push",
    "merge_request_event": "pull_request",
    "schedule": "schedule",
    "web": "manual",
    "api": "manual",
}
_RULE_WORDS = re.compile(
    r"""\$(?P<name>[A-Z_a-z0-9]+)|(?P<text>"[^"]*"|'[^']*')|(?P<regex>/(?:\\.|[^/])+/i?)|(?P<op>==|!=|=~|!~|&&|\|\||[()])|null|\s+"""
)


class _NoEqual(Exception):
    """Something of a rule that can't be said."""


def pipeline_of(file: Mapping, *, name: str, tally: Tally) -> Block:
    """Return the pipeline that does what *file* does; `name` is its id."""
    return _File(file, tally).pipeline(name)


class _File:
    """One file under way."""

    def __init__(self, file: Mapping, tally: Tally) -> None:
        self._file = file
        self._tally = tally
        self._events: set[str] = set()
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
        if "tag" in self._events:
            on.put("push", Block(branches=["**"], tags=["**"]))
        if "pull_request" in self._events:
            on.items.append(("pull_request", Block()))
        if "schedule" in self._events:
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
        self._rules(block, job)
        self._settings(block, job, line)
        self._matrix(block, job)
        block.put("env", self._variables(block, job))
        block.put("services", self._services(block, job))
        block.put("caches", self._caches(block, job))
        block.put("steps", self._steps(block, job))
        self._artifacts(block, job)
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

    def _rules(self, block: Block, job: Mapping) -> None:
        said: list[str] = []
        for rule in job["rules"] if isinstance(job.get("rules"), Sequence) else []:
            values = mapping(rule)
            self._rule(block, values, said)
        for key in ("only", "except"):
            if key in job:
                said += self._only(block, job, key)
        if str(job.get("when", "")) == "manual":
            self._approval(block)
        elif str(job.get("when", "")) in ("always", "on_failure"):
            said = [f"({' or '.join(said)})"] if said else []
            said = [" and ".join([*said, "always()" if job["when"] == "always" else "failure()"])]
        elif str(job.get("when", "")) == "delayed":
            block.note(self._tally.leave(job.lines["when"], "when: delayed", "nothing waits for a time alone"))
        if said:
            holding = [each for each in dict.fromkeys(said) if each != NEVER] or [NEVER]
            block.put("if", " or ".join(holding))
            self._tally.said += 1

    def _approval(self, block: Block) -> None:
        block.put("approval", Block(roles=["operator"]))
        self._tally.said += 1

    def _rule(self, block: Block, rule: Mapping, said: list[str]) -> None:
        if rule.get("changes") or rule.get("exists"):
            key = "changes" if rule.get("changes") else "exists"
            block.note(
                self._tally.leave(
                    rule.lines[key], key, "`paths` of `on.push` and `on.pull_request` are for a whole pipeline"
                )
            )
        if rule.get("when") == "manual":
            self._approval(block)
        if not rule.get("if"):
            return
        try:
            condition = self._condition(str(rule["if"]))
        except _NoEqual as error:
            block.note(self._tally.leave(rule.lines["if"], f"if: {rule['if']}", f"{error} {UNSAID}"))
            said.append(NEVER)
            return
        said.append(f"not ({condition})" if rule.get("when") == "never" else condition)

    def _only(self, block: Block, job: Mapping, key: str) -> list[str]:
        words = texts(mapping(job[key]).get("refs", "")) if isinstance(job[key], Mapping) else texts(job[key])
        said = []
        for word in words:
            if word in ("tags", "branches"):
                said.append("tag" if word == "tags" else "branch")
                self._events.add("tag" if word == "tags" else "push")
            elif word in ("merge_requests", "schedules", "web", "pushes"):
                event = {"merge_requests": "pull_request", "schedules": "schedule", "web": "manual", "pushes": "push"}[
                    word
                ]
                self._events.add(event)
                said.append(f"event == '{event}'")
            elif word.startswith("/"):
                block.note(self._tally.leave(job.lines[key], f"{key}: {word}", "a condition compares whole names"))
                said.append(NEVER)
            else:
                said.append(f"branch == '{word}'")
        return [f"not ({' or '.join(said)})"] if key == "except" and said else said

    def _workflow_rules(self, pipeline: Block) -> None:
        rules = mapping(self._file.get("workflow", "")).get("rules", "")
        if rules:
            why = "say it in `on`: which branches, tags and events start runs"
            pipeline.note(self._tally.leave(rules.line, "workflow.rules", why))

    def _condition(self, text: str) -> str:
        out, at = [], 0
        while at < len(text):
            match = _RULE_WORDS.match(text, at)
            if match is None:
                raise _NoEqual(text)
            at = match.end()
            if match["name"]:
                out.append(self._name(match["name"]))
            elif match["text"]:
                word = match["text"][1:-1]
                out.append(f"'{_EVENTS.get(word, word)}'")
                if out[-2:-1] == ["=="] and word in _EVENTS:
                    self._events.add(_EVENTS[word])
            elif match["regex"]:
                raise _NoEqual(match["regex"])
            elif match["op"]:
                out.append({"&&": "and", "||": "or"}.get(match["op"], match["op"]))
            elif match[0] == "null":
                out.append("''")
        said = " ".join(out).replace("( ", "(").replace(" )", ")")
        try:
            parse(said)
        except ExpressionError as error:
            raise _NoEqual(text) from error
        return said

    def _name(self, variable: str) -> str:
        names = {
            "CI_COMMIT_BRANCH": "branch",
            "CI_COMMIT_REF_NAME": "branch",
            "CI_COMMIT_TAG": "tag",
            "CI_PIPELINE_SOURCE": "event",
            "CI_COMMIT_SHA": "sha",
        }
        if variable == "CI_COMMIT_TAG":
            self._events.add("tag")
        if variable == "CI_DEFAULT_BRANCH":
            return "'main'"
        if variable in names:
            return names[variable]
        if variable in mapping(self._file.get("variables", "")):
            return f"env.{variable}"
        raise _NoEqual(f"${variable}")

    def _settings(self, block: Block, job: Mapping, line: int) -> None:
        runs_on = Block()
        image = job.get("image", "")
        image_name = str(mapping(image).get("name", "")) if isinstance(image, Mapping) else str(image)
        if image_name:
            runs_on.put("container_image", self._in_text(block, image_name, job.lines["image"]))
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
            block.put("timeout_seconds", _seconds(str(job["timeout"])))
            self._tally.said += 1
        if isinstance(job.get("allow_failure"), Mapping) or is_true(job.get("allow_failure", "")):
            block.put("allow_failure", True)
            self._tally.said += 1
        self._retry(block, job)
        if job.get("resource_group"):
            group = self._in_text(block, str(job["resource_group"]), job.lines["resource_group"])
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
                said.items.append((name, self._in_text(block, text, variables.lines[name])))
        if said.items:
            self._tally.said += 1
        return said

    def _in_text(self, block: Block, text: str, line: int) -> str:
        text = text.replace("${CI_PROJECT_DIR}/", "").replace("$CI_PROJECT_DIR/", "")  # where steps run anyway

        def other(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            if name in _IN_TEXTS:
                return _IN_TEXTS[name]
            block.note(self._tally.leave(line, f"${name}", "nothing is set in its place"))
            return match[0]

        return _TEMPLATED.sub(other, text)

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

    def _caches(self, block: Block, job: Mapping) -> list[Block]:
        given = job.get("cache", "")
        made: list[Block] = []
        for cache in given if isinstance(given, Sequence) else [given] if isinstance(given, Mapping) else []:
            values = mapping(cache)
            key = values.get("key", "")
            if isinstance(key, Mapping) and key.get("files"):
                names = ", ".join(f"'{name}'" for name in texts(key["files"]))
                prefix = f"{key['prefix']}-" if key.get("prefix") else ""
                text = f"{prefix}{{{{hash_files({names})}}}}"
            else:
                text = self._in_text(block, str(key or "default"), values.line)
            for path in texts(values.get("paths", "")):
                number = len(made) + 1
                id_ = "cache" if number == 1 else f"cache-{number}"
                made.append(Block(id=id_, path=path.rstrip("/*"), key=text))
                self._tally.said += 1
            if values.get("policy") in ("pull", "push"):
                self._tally.needless += 1
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

    def _artifacts(self, block: Block, job: Mapping) -> None:
        given = mapping(job.get("artifacts", ""))
        if not given:
            return
        paths = [_pattern(path) for path in texts(given.get("paths", ""))]
        paths += [f"!{_pattern(path)}" for path in texts(given.get("exclude", ""))]
        if paths:
            item = Block(paths=paths)
            if given.get("name"):
                item.put("name", self._in_text(block, str(given["name"]), given.lines["name"]))
            days = _seconds(str(given.get("expire_in", ""))) // 86400
            if days:
                item.put("keep_days", days)
            when = {"on_failure": "failure", "always": "always"}.get(str(given.get("when", "")), "")
            item.put("when", when)
            block.put("artifacts", [item])
            self._tally.said += 1
        reports = mapping(given.get("reports", ""))
        for kind in reports.keys() - {"junit"}:
            why = {
                "coverage_report": "`coverage_report` of a `test` reads it",
                "dotenv": "write the variables to $CICTL_OUTPUT and name them in `outputs`",
            }.get(kind, "the forge's own reports have no equal; keep the file as an artifact")
            block.note(self._tally.leave(reports.lines[kind], f"reports.{kind}", why))


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
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-") or "job"


def _parts_of(path: str, file: Mapping) -> list[str]:
    """Return the keys of a reference. The first may begin with a dot, and have others in it."""
    first = max((key for key in file if path.startswith(f"{key}.")), key=len, default="")
    return [first, *path[len(first) + 1 :].split(".")] if first else path.split(".")


def _seconds(text: str) -> int:
    """Return how long a time such as `1h 30m` or `2 weeks` is; a number alone is seconds."""
    if text.strip().isdecimal():
        return int(text)
    return sum(int(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text.lower()))


def _pattern(path: str) -> str:
    path = path.removeprefix("./")
    last = path.rstrip("/").rpartition("/")[2]
    return f"{path.rstrip('/')}/**" if path.endswith("/") or ("." not in last and "*" not in last) else path


def _combinations(axes: AnyMapping[str, list[str]]) -> list[Block]:
    rows: list[dict[str, str]] = [{}]
    for name, values in axes.items():
        rows = [{**row, name: value} for row in rows for value in values]
    return [Block(**row) for row in rows]
