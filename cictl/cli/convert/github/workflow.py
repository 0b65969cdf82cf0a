"""A workflow as a pipeline."""

from __future__ import annotations

from typing import Any

from cictl.cli.convert.github.expressions import SYSTEMS, NoEqual, condition, in_text, secrets_in
from cictl.cli.convert.github.steps import JobParts, StepReader, shell_named
from cictl.cli.convert.output import Block
from cictl.cli.convert.source import Mapping, Sequence, Value, is_true, mapping, texts
from cictl.cli.convert.tally import NEVER, UNSAID, Tally

_INPUT_TYPES = {"choice": "choice", "number": "number", "boolean": "boolean"}
_NEEDLESS = {"name", "run-name", "permissions", "id-token"}
_EVENTS_WITH_PATHS = ("branches", "tags", "paths")
_RUNS_BY_HAND = ("workflow_dispatch", "repository_dispatch")


def pipeline_of(file: Mapping, *, name: str, tally: Tally) -> Block:
    """Return the pipeline that does what the workflow does; *name* is its id."""
    return _Workflow(file, name, tally).pipeline()


class _Workflow:
    """One workflow under way."""

    def __init__(self, workflow: Mapping, name: str, tally: Tally) -> None:
        self._workflow = workflow
        self._name = name
        self._tally = tally
        self._secrets: dict[str, str] = {}

    def pipeline(self) -> Block:
        pipeline = Block(id=self._name)
        if self._workflow.get("name"):
            pipeline.note(str(self._workflow["name"]))
        for key in self._workflow:
            if key in _NEEDLESS:
                self._tally.needless += 1
        self._triggers(pipeline)
        pipeline.put("env", self._env(pipeline, self._workflow, self._secrets))
        self._concurrency(pipeline, self._workflow)
        jobs = mapping(self._workflow.get("jobs", ""))
        made = [self._job(job_id, mapping(job), jobs.lines[job_id]) for job_id, job in jobs.items()]
        source = next((parts.source for _, parts in made if parts.source), None)
        for _, parts in made:  # jobs share what they check out; the deepest history does for all
            if parts.source is not None and source is not None:
                for key, value in parts.source.items:
                    source.put(key, value)
        # What starts by commits has to say of which repository, also where no job looks at its files.
        pipeline.put("vcs_source", source or (Block(repo="self") if "on" in pipeline else None))
        pipeline.put("jobs", [block for block, _ in made])
        return pipeline

    # What starts it

    def _triggers(self, pipeline: Block) -> None:
        events = self._workflow.get("on", "")
        line = self._workflow.lines.get("on", 1)
        lines = events.lines if isinstance(events, Mapping) else {}
        on = Block()
        for event in self._events:
            given = mapping(events[event]) if isinstance(events, Mapping) else mapping("")
            self._event(
                pipeline, on, event, events[event] if isinstance(events, Mapping) else "", given, lines.get(event, line)
            )
        if on.items:
            pipeline.items.append(("on", on))

    @property
    def _events(self) -> list[str]:
        events = self._workflow.get("on", "")
        return list(events) if isinstance(events, Mapping) else texts(events)

    def _event(self, pipeline: Block, on: Block, event: str, raw: Value, given: Mapping, line: int) -> None:
        if event in ("push", "pull_request", "pull_request_target"):
            on.items.append(
                ("push" if event == "push" else "pull_request", self._filters(given, has_tags=event == "push"))
            )
            self._tally.said += 1
            if event == "pull_request_target":
                on.note(self._tally.leave(line, event, "pull requests from forks get no secrets, whatever starts them"))
            if given.get("types"):
                on.note(self._tally.leave(given.lines["types"], "types", "each push to a pull request starts it"))
        elif event == "schedule":
            on.items.append(("schedule", [Block(cron=str(mapping(each).get("cron", ""))) for each in raw or []]))
            self._tally.said += 1
        elif event in _RUNS_BY_HAND:
            pipeline.put("inputs", self._inputs(pipeline, mapping(given.get("inputs", ""))))
            self._tally.said += 1
        elif event in ("release", "create"):
            on.put("push", self._with_tags(on.get("push")))
            on.note(self._tally.leave(line, event, "a tag starts it, as every release has one"))
        elif event == "workflow_run":
            why = "`after: [PIPELINE]` starts it on the success of another pipeline of the same file"
            on.note(self._tally.leave(line, event, why))
        elif event == "merge_group":
            self._tally.needless += 1
        else:
            on.note(self._tally.leave(line, event, "only commits, times and people start runs"))

    def _filters(self, given: Mapping, *, has_tags: bool) -> Block:
        """Return the patterns of an event. There a push without names of either kind is one of branches and tags."""
        said = Block()
        for key in _EVENTS_WITH_PATHS:
            taken = texts(given.get(key, ""))
            ignored = [f"!{pattern}" for pattern in texts(given.get(f"{key}-ignore", ""))]
            if ignored and not taken:
                taken = ["**"]
            said.put(key, [*taken, *ignored])
        if has_tags and "branches" not in said and "tags" not in said:
            said.items[:0] = [("branches", ["**"]), ("tags", ["**"])]
        return said

    def _with_tags(self, push: Any) -> Block:
        block = push if isinstance(push, Block) else Block()
        block.put("tags", block.get("tags") or ["**"])
        return block

    def _inputs(self, pipeline: Block, inputs: Mapping) -> Block:
        said = Block()
        for name, given in inputs.items():
            values = mapping(given)
            kind = _INPUT_TYPES.get(str(values.get("type", "")), "")
            one = Block(type=kind, options=texts(values.get("options", "")))
            if values.get("default"):
                one.put("default", str(values["default"]))
            if is_true(values.get("required", "")) and not values.get("default") and kind != "boolean":
                if "schedule" in self._events:
                    why = "a scheduled run has to do without, so it is not required"
                    one.note(self._tally.leave(values.lines["required"], f"required: {name}", why))
                else:
                    one.put("required", True)
            one.put("description", str(values.get("description", "")))
            said.items.append((name, one))
        return said

    def _concurrency(self, block: Block, holder: Mapping) -> None:
        given = holder.get("concurrency", "")
        if not given:
            return
        values = mapping(given)
        group = str(values.get("group", "")) if values else str(given)
        line = holder.lines["concurrency"]
        try:
            said = in_text(group.replace("${{ github.workflow }}", self._name), in_script=False)
        except NoEqual as error:
            block.note(self._tally.leave(line, f"concurrency: {group}", f"{error} has no equal"))
            return
        mode = "cancel_running" if is_true(values.get("cancel-in-progress", "")) else "replace_waiting"
        block.put("concurrency", Block(group=said, limit=1, on_new=mode))
        self._tally.said += 1

    def _env(self, block: Block, holder: Mapping, secrets: dict[str, str]) -> Block:
        """Return the variables that may stand here; those with secrets go to *secrets*."""
        said = Block()
        env = mapping(holder.get("env", ""))
        for name, value in env.items():
            try:
                text = in_text(str(value), in_script=False)
            except NoEqual as error:
                block.note(self._tally.leave(env.lines[name], f"{name}: {value}", f"{error} has no equal"))
                continue
            if secrets_in(str(value)):
                secrets[name] = text
            else:
                said.items.append((name, text))
        if said.items:
            self._tally.said += 1
        return said

    # Jobs

    def _job(self, job_id: str, job: Mapping, line: int) -> tuple[Block, JobParts]:
        block, secrets = Block(id=job_id), dict(self._secrets)
        if job.get("uses"):
            why = "say its jobs here, or put them into a file that `include` names"
            block.note(self._tally.leave(job.lines["uses"], f"uses: {job['uses']}", why))
            parts = JobParts(steps=[Block(run="true")])
            block.put("steps", parts.steps)
            return block, parts
        block.put("needs", texts(job.get("needs", "")))
        if job.get("if"):
            self._job_condition(block, job)
        self._strategy(block, job)
        self._machine(block, job, line)
        self._job_settings(block, job)
        env = self._env(block, job, secrets)
        steps = job.get("steps", "")
        parts = (
            StepReader(self._tally, secrets).read(steps)
            if isinstance(steps, Sequence)
            else JobParts(steps=[Block(run="true")])
        )
        block.put("env", env)
        if parts.tools.items:
            in_container = "container_image" in (block.get("runs_on") or Block())
            tools = Block(container=Block(tools=parts.tools)) if in_container else Block(tools=parts.tools)
            block.put("requires", tools)
        block.put("services", self._services(block, mapping(job.get("services", ""))))
        block.put("caches", parts.caches)
        block.put("steps", parts.steps)
        block.put("artifacts", parts.artifacts)
        block.put("outputs", self._outputs(block, mapping(job.get("outputs", ""))))
        return block, parts

    def _job_condition(self, block: Block, job: Mapping) -> None:
        try:
            block.put("if", condition(str(job["if"])))
            self._tally.said += 1
        except NoEqual as error:
            block.note(self._tally.leave(job.lines["if"], f"if: {job['if']}", f"{error} {UNSAID}"))
            block.put("if", NEVER)

    def _strategy(self, block: Block, job: Mapping) -> None:
        strategy = mapping(job.get("strategy", ""))
        given = strategy.get("matrix", "")
        if not given:
            return
        if not isinstance(given, Mapping):
            why = "a matrix stands in the file; it can't be made by a job"
            block.note(self._tally.leave(strategy.lines["matrix"], f"matrix: {given}", why))
            return
        matrix = Block()
        axes = Block()
        for name, values in given.items():
            if name not in ("include", "exclude") and isinstance(values, Sequence):
                axes.items.append((name, [self._cell(name, each) for each in values]))
        matrix.put("axes", axes)
        for key in ("exclude", "include"):
            rows = given.get(key, "")
            if isinstance(rows, Sequence):
                matrix.put(key, [self._row(mapping(row)) for row in rows])
            elif rows:
                matrix.note(self._tally.leave(given.lines[key], f"{key}: {rows}", "rows stand in the file"))
        if str(strategy.get("fail-fast", "true")).lower() == "true":
            matrix.put("fail_fast", True)
        if str(strategy.get("max-parallel", "")).isdecimal():
            matrix.put("max_parallel", int(strategy["max-parallel"]))
        block.put("matrix", matrix)
        self._tally.said += 1

    def _row(self, row: Mapping) -> Block:
        said = Block()
        for name, value in row.items():
            said.items.append((name, self._cell(name, value)))
        return said

    def _cell(self, name: str, value: Value) -> str:
        text = ",".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, Mapping) else ",".join(texts(value))
        return _os_of(text) if name in ("os", "runner", "platform", "runs-on") else text

    def _machine(self, block: Block, job: Mapping, line: int) -> None:
        runs_on = Block()
        wanted = job.get("runs-on", "")
        line = job.lines.get("runs-on", line)
        labels = texts(mapping(wanted).get("labels", "")) if isinstance(wanted, Mapping) else texts(wanted)
        for label in labels:
            self._label(block, runs_on, label, line)
        container = job.get("container", "")
        values = mapping(container)
        image = str(values.get("image", "")) if values else str(container or "")
        if image:
            try:
                runs_on.put("container_image", in_text(image, in_script=False))
                self._tally.said += 1
            except NoEqual as error:
                block.note(self._tally.leave(job.lines["container"], f"image: {image}", f"{error} has no equal"))
        for key in values.keys() - {"image", "env"}:
            block.note(
                self._tally.leave(values.lines[key], f"container.{key}", "the agent says how its containers run")
            )
        block.put("runs_on", runs_on)

    def _label(self, block: Block, runs_on: Block, label: str, line: int) -> None:
        if label == "self-hosted":
            self._tally.needless += 1
            return
        try:
            text = _os_of(in_text(label, in_script=False))
        except NoEqual as error:
            block.note(self._tally.leave(line, f"runs-on: {label}", f"{error} has no equal"))
            return
        if text in SYSTEMS.values() or text.startswith("{{"):
            runs_on.put("os", text)
            self._tally.said += 1
        elif text in ("x64", "arm64", "amd64"):
            runs_on.put("arch", "amd64" if text == "x64" else text)
            self._tally.said += 1
        else:
            why = f'give agents a label and ask for it: `{text.lower()}: "yes"` in `runs_on`, `run-agent --label {text.lower()}=yes`'
            block.note(self._tally.leave(line, f"runs-on: {label}", why))

    def _job_settings(self, block: Block, job: Mapping) -> None:
        if str(job.get("timeout-minutes", "")).isdecimal():
            block.put("timeout_seconds", 60 * int(job["timeout-minutes"]))
            self._tally.said += 1
        if is_true(job.get("continue-on-error", "")):
            block.put("allow_failure", True)
            self._tally.said += 1
        run = mapping(mapping(job.get("defaults", "")).get("run", "")) or mapping(
            mapping(self._workflow.get("defaults", "")).get("run", "")
        )
        if run.get("shell") and shell_named(str(run["shell"])):
            block.put("shell", shell_named(str(run["shell"])))
        elif block.get("shell") is None and not _is_windows(block):
            block.put("shell", "bash")  # their default outside of Windows
        if run.get("working-directory"):
            block.put("working_directory", str(run["working-directory"]))
        if job.get("environment"):
            why = "people let a job begin by `approval: {roles: [operator]}`; secrets may be for some branches"
            block.note(self._tally.leave(job.lines["environment"], "environment", why))
        self._concurrency(block, job)

    def _services(self, block: Block, services: Mapping) -> list[Block]:
        made = []
        for name, given in services.items():
            values = mapping(given)
            one = Block(name=name, image=str(values.get("image", "")))
            env = Block()
            for key, value in mapping(values.get("env", "")).items():
                env.items.append((key, str(value)))
            one.put("env", env)
            options = str(values.get("options", "")).replace("\n", " ")
            if "--health-cmd" in options:
                one.put("ready", _health(options))
            if values.get("ports"):
                why = f"steps reach it as host `{name}` at the port of its own, not at localhost"
                one.note(self._tally.leave(values.lines["ports"], "ports", why))
            made.append(one)
            self._tally.said += 1
        return made

    def _outputs(self, block: Block, outputs: Mapping) -> Block:
        said = Block()
        for name, value in outputs.items():
            said.items.append((name, ""))
            inner = str(value).replace("}}", "").strip()
            if not inner.endswith(f".outputs.{name}"):
                why = f"let the step write `{name}=…` to $CICTL_OUTPUT"
                block.note(self._tally.leave(outputs.lines[name], f"{name}: {value}", why))
            else:
                self._tally.said += 1
        return said


def _os_of(text: str) -> str:
    return next((ours for theirs, ours in SYSTEMS.items() if text.lower().startswith(theirs)), text)


def _is_windows(block: Block) -> bool:
    runs_on = block.get("runs_on")
    return isinstance(runs_on, Block) and runs_on.get("os") == "windows"


def _health(options: str) -> str:
    rest = options.partition("--health-cmd")[2].lstrip(" =")
    if rest[:1] in ("'", '"'):
        return rest[1:].partition(rest[0])[0]
    return rest.partition(" --")[0].strip()
