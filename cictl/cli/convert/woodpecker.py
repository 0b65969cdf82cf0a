"""Workflows of Woodpecker, and of Drone's YAML that looks the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from typing import Any

from cictl.cli.convert.names import id_of
from cictl.cli.convert.output import Block
from cictl.cli.convert.scripts import renamed, unknown
from cictl.cli.convert.source import Mapping, Sequence, Value, is_true, mapping, texts
from cictl.cli.convert.tally import NEVER, UNSAID, Tally

VARIABLES: AnyMapping[str, str] = {
    "CI_COMMIT_SHA": "CICTL_COMMIT",
    "CI_COMMIT_BRANCH": "CICTL_BRANCH",
    "CI_COMMIT_TAG": "CICTL_TAG",
    "CI_COMMIT_REF": "CICTL_REF",
    "CI_PIPELINE_NUMBER": "CICTL_RUN_ID",
    "CI_WORKSPACE": "PWD",
    "CI_REPO_NAME": "CICTL_PROJECT",
    "CI_COMMIT_PULL_REQUEST": "CICTL_PULL_REQUEST",
    "CI_REPO": "",
    "CI_COMMIT_MESSAGE": "",
    "CI_COMMIT_AUTHOR": "",
    "CI_PIPELINE_EVENT": "",
    "CI_REPO_DEFAULT_BRANCH": "",
}
_EVENTS = {"push": "push", "pull_request": "pull_request", "tag": "tag", "cron": "schedule", "manual": "manual"}
_TEMPLATE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NEEDLESS = {"skip_clone", "workspace", "runs_on"}


def pipeline_of(file: Mapping, *, name: str, tally: Tally) -> Block:
    """Return the pipeline that does what *file* does; `name` is its id."""
    return _File(file, tally).pipeline(name)


class _File:
    """One file under way."""

    def __init__(self, file: Mapping, tally: Tally) -> None:
        self._file = file
        self._tally = tally
        self._axes = mapping(file.get("matrix", ""))

    def pipeline(self, name: str) -> Block:
        pipeline = Block(id=name)
        for key in self._file:
            if key in _NEEDLESS:
                self._tally.needless += 1
        if self._file.get("depends_on"):
            why = "`after` or `depends_on` of a pipeline, or all steps in one pipeline and `needs`"
            pipeline.note(self._tally.leave(self._file.lines["depends_on"], "depends_on", why))
        pipeline.put("on", self._triggers(pipeline))
        if not is_true(self._file.get("skip_clone", "")):
            pipeline.put("vcs_source", self._source(pipeline))
        pipeline.put("jobs", list(self._jobs()))
        return pipeline

    def _triggers(self, pipeline: Block) -> Block:
        on = Block()
        whens = self._file.get("when", "")
        for when in whens if isinstance(whens, Sequence) else [whens] if isinstance(whens, Mapping) else []:
            values = mapping(when)
            branches, paths = self._words(values.get("branch", "")), self._words(values.get("path", ""))
            for event in texts(values.get("event", "")) or ["push"]:
                ours = _EVENTS.get(event, "")
                if ours == "tag":
                    self._merge(on, "push", Block(tags=["**"]))
                elif ours in ("push", "pull_request"):
                    self._merge(on, ours, Block(branches=branches or (["**"] if ours == "push" else []), paths=paths))
                elif ours == "schedule":
                    why = "its time stood at the forge: `schedule: [{cron: '0 2 * * *'}]`"
                    on.note(self._tally.leave(values.line, "event: cron", why))
                elif ours != "manual":
                    on.note(
                        self._tally.leave(values.line, f"event: {event}", "only commits, times and people start runs")
                    )
                    continue
                self._tally.said += ours != "schedule"
            for key in values.keys() - {"event", "branch", "path", "status"}:
                on.note(
                    self._tally.leave(values.lines[key], f"when.{key}", "a condition of a job or step may say it: `if`")
                )
        return on

    def _merge(self, on: Block, key: str, more: Block) -> None:
        known = on.get(key)
        block = known if isinstance(known, Block) else Block()
        for name, value in more.items:
            block.put(name, value)
        if known is None:
            on.items.append((key, block))

    def _words(self, value: Value) -> list[str]:
        if isinstance(value, Mapping):
            taken = texts(value.get("include", ""))
            excluded = [f"!{each}" for each in texts(value.get("exclude", ""))]
            return [*(taken or (["**"] if excluded else [])), *excluded]
        return texts(value)

    def _source(self, pipeline: Block) -> Block:
        source = Block(repo="self")
        clone = self._file.get("clone", "")
        first = mapping(clone[0] if isinstance(clone, Sequence) and clone else next(iter(mapping(clone).values()), ""))
        settings = mapping(first.get("settings", ""))
        depth = str(settings.get("depth", ""))
        if str(settings.get("partial", "")).lower() == "false" and not depth:
            depth = "0"
        if depth.isdecimal() and depth != "1":
            source.items.append(("depth", int(depth)))
        for key in ("tags", "lfs"):
            if is_true(settings.get(key, "")):
                source.put(key, True)
        if is_true(settings.get("recursive", "")):
            source.put("submodules", "recursive")
        for key in settings.keys() - {"depth", "partial", "tags", "lfs", "recursive"}:
            pipeline.note(self._tally.leave(settings.lines[key], f"clone.{key}", "see `vcs_source`"))
        self._tally.said += bool(settings)
        return source

    def _steps(self) -> list[tuple[str, Mapping]]:
        steps = self._file.get("steps", self._file.get("pipeline", ""))
        if isinstance(steps, Mapping):
            return [(name, mapping(step)) for name, step in steps.items()]
        return [(str(mapping(step).get("name", "")), mapping(step)) for step in steps or []]

    def _jobs(self) -> Iterator[Block]:
        """Yield a job for each row of steps that have one image and follow each other."""
        groups: list[list[tuple[str, Mapping]]] = []
        has_graph = any("depends_on" in step for _, step in self._steps())
        for name, step in self._steps():
            last = groups[-1][-1][1] if groups else None
            joins = last is not None and not has_graph and last.get("image") == step.get("image") and "when" not in step
            if joins and last is not None and "when" not in last and _is_command(step) and _is_command(last):
                groups[-1].append((name, step))
            else:
                groups.append([(name, step)])
        for number, group in enumerate(groups):
            before = _id(groups[number - 1][0][0]) if number and not has_graph else ""
            yield self._job(group, before=before)

    def _job(self, group: list[tuple[str, Mapping]], *, before: str) -> Block:
        name, first = group[0]
        block = Block(id=_id(name))
        block.put("needs", [_id(each) for each in texts(first.get("depends_on", ""))] or ([before] if before else []))
        if block.get("needs"):
            block.note("Steps shared one directory there. Here a job hands files on as `artifacts`.")
        self._condition(block, first)
        self._machine(block, first)
        self._matrix(block)
        if first.get("failure") == "ignore":
            block.put("allow_failure", True)
        block.put("services", self._services())
        steps = [self._step(block, step_name, step) for step_name, step in group]
        block.put("steps", steps)
        return block

    def _machine(self, block: Block, step: Mapping) -> None:
        runs_on = Block()
        for key, value in mapping(self._file.get("labels", "")).items():
            if key == "platform":
                system, _, arch = str(value).partition("/")
                runs_on.put("os", system)
                runs_on.put("arch", arch)
            else:
                runs_on.put(key, self._text(str(value)))
            self._tally.said += 1
        if step.get("image") and _is_command(step):
            runs_on.put("container_image", self._text(str(step["image"])))
            self._tally.said += 1
        block.put("runs_on", runs_on)

    def _matrix(self, block: Block) -> None:
        if not self._axes:
            return
        rows = self._axes.get("include", "")
        if isinstance(rows, Sequence):
            include = []
            for row in rows:
                made = Block()
                for name, value in mapping(row).items():
                    made.items.append((name, str(value)))
                include.append(made)
            block.put("matrix", Block(include=include))
        else:
            axes = Block()
            for name, values in self._axes.items():
                axes.items.append((name, texts(values)))
            block.put("matrix", Block(axes=axes))
        self._tally.said += 1

    def _condition(self, block: Block, step: Mapping) -> None:
        whens = step.get("when", "")
        said = []
        for when in whens if isinstance(whens, Sequence) else [whens] if isinstance(whens, Mapping) else []:
            parts = self._parts(block, mapping(when))
            if parts:
                said.append(" and ".join(parts))
        if said:
            block.put("if", " or ".join(said))
            self._tally.said += 1

    def _parts(self, block: Block, when: Mapping) -> list[str]:
        parts = []
        events = [_EVENTS.get(each, each) for each in texts(when.get("event", ""))]
        if events:
            parts.append(_either([f"event == '{each}'" if each != "tag" else "tag" for each in events]))
        branches = self._words(when.get("branch", ""))
        if any("*" in each or each.startswith("!") for each in branches):
            why = "a condition compares whole names; `on.push.branches` takes patterns"
            block.note(self._tally.leave(when.lines["branch"], "when.branch", why))
            parts.append(NEVER)
        elif branches:
            parts.append(_either([f"branch == '{each}'" for each in branches]))
        status = texts(when.get("status", ""))
        if status:
            parts.append("always()" if len(status) > 1 else f"{status[0]}()")
        for key in when.keys() - {"event", "branch", "status"}:
            block.note(self._tally.leave(when.lines[key], f"when.{key}", UNSAID))
            parts.append(NEVER)
        return parts

    def _services(self) -> list[Block]:
        services = self._file.get("services", "")
        named = (
            services.items()
            if isinstance(services, Mapping)
            else [(str(mapping(each).get("name", "")), each) for each in services or []]
        )
        made = []
        for name, service in named:
            values = mapping(service)
            one = Block(name=name, image=self._text(str(values.get("image", ""))))
            one.put("env", self._env(one, values))
            made.append(one)
            self._tally.said += 1
        return made

    def _step(self, block: Block, name: str, step: Mapping) -> Block:
        if not _is_command(step):
            image = str(step.get("image", ""))
            why = "a plugin is a program in an image: call the program in a `run`"
            block.note(self._tally.leave(step.line, f"{name}: {image}", why))
            return Block(name=name, run="true")
        said = Block(name=name)
        lines = texts(step.get("commands", ""))
        script = "\n".join(line.rstrip("\n") for line in lines)
        for variable in unknown(script, VARIABLES):
            said.note(self._tally.leave(step.lines["commands"], f"${variable}", "nothing is set in its place"))
        text = renamed(self._text(script), VARIABLES)
        said.put("run", f"{text}\n" if "\n" in text else text or "true")
        if step.get("directory"):
            said.put("working_directory", str(step["directory"]))
        said.put("env", self._env(said, step))
        for key in ("privileged", "volumes", "entrypoint", "backend_options", "devices", "network_mode"):
            if step.get(key):
                said.note(self._tally.leave(step.lines[key], key, "the agent says how its containers run"))
        if is_true(step.get("detach", "")):
            said.note(
                self._tally.leave(step.lines["detach"], "detach", "what runs beside the steps is one of `services`")
            )
        self._tally.said += 1
        return said

    def _env(self, block: Block, step: Mapping) -> Block:
        said = Block()
        given = step.get("environment", "")
        for name, value in mapping(given).items():
            secret = mapping(value).get("from_secret", "") if isinstance(value, Mapping) else ""
            said.items.append((name, f"{{{{ secret.{secret} }}}}" if secret else self._text(str(value))))
        for text in texts(given) if isinstance(given, Sequence) else []:
            name, _, value = text.partition("=")
            said.items.append((name, self._text(value)))
        for secret in texts(step.get("secrets", "")):
            said.items.append((secret.upper(), f"{{{{ secret.{secret} }}}}"))
        return said

    def _text(self, text: str) -> str:
        """Return *text* with variables of the matrix as templates."""
        names: set[str] = set(self._axes)
        rows: Any = self._axes.get("include", "")
        for row in rows if isinstance(rows, Sequence) else []:
            names |= set(mapping(row))
        return _TEMPLATE.sub(lambda found: f"{{{{{found[1]}}}}}" if found[1] in names else found[0], text)


def _is_command(step: Mapping | None) -> bool:
    return step is not None and "commands" in step


def _either(conditions: list[str]) -> str:
    return conditions[0] if len(conditions) == 1 else f"({' or '.join(conditions)})"


def _id(name: str) -> str:
    return id_of(name, otherwise="step")
