"""The steps of a job: commands, and the actions that have an equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cictl.cli.convert.github import expressions
from cictl.cli.convert.github.expressions import NoEqual, condition, in_text
from cictl.cli.convert.names import pattern_of
from cictl.cli.convert.output import Block, Remark
from cictl.cli.convert.scripts import renamed, unknown
from cictl.cli.convert.source import Mapping, Sequence, is_true, mapping
from cictl.cli.convert.tally import NEVER, UNSAID, Tally

_TOOLS = {
    "actions/setup-python": ("python3", "python-version", "python"),
    "actions/setup-node": ("node", "node-version", "node"),
    "actions/setup-go": ("go", "go-version", "golang"),
    "actions/setup-java": ("java", "java-version", "eclipse-temurin"),
    "ruby/setup-ruby": ("ruby", "ruby-version", "ruby"),
    "dtolnay/rust-toolchain": ("cargo", "toolchain", "rust"),
    "actions-rs/toolchain": ("cargo", "toolchain", "rust"),
    "actions/setup-dotnet": ("dotnet", "dotnet-version", "mcr.microsoft.com/dotnet/sdk"),
    "astral-sh/setup-uv": ("uv", "version", "ghcr.io/astral-sh/uv"),
}
"""Actions that install a tool: its name, the key that has the version, and an image that has it."""

_NEEDLESS = {
    "actions/download-artifact": "what a job needs has its artifacts restored before the first step",
    "docker/setup-buildx-action": "",
    "docker/setup-qemu-action": "",
}
_REPORTS = ("EnricoMi/publish-unit-test-result-action", "mikepenz/action-junit-report", "dorny/test-reporter")


@dataclass
class JobParts:
    """What the steps of a job bring to the job itself and to its pipeline."""

    steps: list[Any] = field(default_factory=list)
    tools: Block = field(default_factory=Block)
    caches: list[Any] = field(default_factory=list)
    artifacts: list[Any] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    source: Block | None = None


class StepReader:
    """Reads the steps of one job."""

    def __init__(self, tally: Tally, secrets: dict[str, str]) -> None:
        """Prepare.

        Args:
            secrets: Variables of the workflow and the job that are secrets: only steps may have such.
        """
        self._tally = tally
        self._secrets = secrets
        self._actions: dict[str, Callable[[Mapping, int, JobParts], None]] = {
            "actions/checkout": self._checkout,
            "actions/cache": self._cache,
            "actions/cache/restore": self._cache,
            "actions/upload-artifact": self._upload,
        }

    def read(self, steps: Sequence) -> JobParts:
        parts = JobParts()
        for step, line in zip(steps, steps.lines, strict=True):
            values = mapping(step)
            if "uses" in values:
                self._action(values, line, parts)
            elif "run" in values:
                parts.steps.append(self._command(values))
                self._tally.said += 1
        if not any(isinstance(step, Block) for step in parts.steps):
            parts.steps.append(Block(run="true"))
        return parts

    def _action(self, step: Mapping, line: int, parts: JobParts) -> None:
        uses = str(step["uses"])
        name = uses.partition("@")[0]
        given = mapping(step.get("with", ""))
        if name in self._actions:
            self._actions[name](given, line, parts)
        elif name in _TOOLS:
            self._tool(name, given, line, parts)
        elif name in _NEEDLESS:
            self._tally.needless += 1
        elif name in _REPORTS:
            why = "write the command of the tests as `test`, with `format` and `report`: then it shows each test"
            parts.steps.append(Remark(self._tally.leave(line, f"uses: {uses}", why)))
        else:
            why = "an action of somebody else; call the program that it wraps in a `run`"
            parts.steps.append(Remark(self._tally.leave(line, f"uses: {uses}", why)))

    def _checkout(self, given: Mapping, line: int, parts: JobParts) -> None:
        if given.get("repository"):
            why = "a pipeline checks out one repository; clone another one in a `run`"
            parts.steps.append(Remark(self._tally.leave(line, f"checkout of {given['repository']}", why)))
            return
        self._tally.said += 1
        source = Block(repo="self")
        depth = str(given.get("fetch-depth", ""))
        if depth.isdecimal() and depth != "1":
            source.items.append(("depth", int(depth)))
        if is_true(given.get("fetch-tags", "")):
            source.put("tags", True)
        if submodules := str(given.get("submodules", "")):
            source.put("submodules", "recursive" if submodules == "recursive" else is_true(submodules))
        if is_true(given.get("lfs", "")):
            source.put("lfs", True)
        if given.get("path"):
            source.put("path", str(given["path"]))
        parts.source = source

    def _tool(self, name: str, given: Mapping, line: int, parts: JobParts) -> None:
        tool, key, image = _TOOLS[name]
        parts.tools.put(tool, "*")
        wanted = str(given.get(key, ""))
        if not wanted:
            self._tally.said += 1
            return
        version = _simple(wanted)
        hint = f"the agent has its own; another one comes with `container_image: {image}:{version or 'VERSION'}`"
        parts.tools.note(self._tally.leave(line, f"{key}: {wanted}", hint))
        if given.get("cache"):
            parts.tools.note(
                self._tally.leave(line, f"cache: {given['cache']}", "say it in `caches`, with `path` and `key`")
            )

    def _cache(self, given: Mapping, line: int, parts: JobParts) -> None:
        paths = [path.strip() for path in str(given.get("path", "")).splitlines() if path.strip()]
        for number, path in enumerate(paths):
            if path.startswith(("~", "/", "$", "!")) or "*" in path:
                why = "a cache is a directory below the checkout; let a variable of the tool point there"
                parts.steps.append(Remark(self._tally.leave(line, f"cache of {path}", why)))
                continue
            try:
                key = in_text(str(given.get("key", "")), in_script=False)
                fallback = [in_text(text, in_script=False) for text in str(given.get("restore-keys", "")).split()]
            except NoEqual as error:
                parts.steps.append(Remark(self._tally.leave(line, "key of a cache", f"{error} has no equal")))
                continue
            id_ = f"cache-{len(parts.caches) + 1}" if number or parts.caches else "cache"
            parts.caches.append(Block(id=id_, path=path.rstrip("/"), key=key, fallback_keys=fallback))
            self._tally.said += 1

    def _upload(self, given: Mapping, line: int, parts: JobParts) -> None:
        paths = [path.strip() for path in str(given.get("path", "")).splitlines() if path.strip()]
        try:
            kept = [pattern_of(in_text(path, in_script=False)) for path in paths]
            name = in_text(str(given.get("name", "")), in_script=False)
        except NoEqual as error:
            parts.steps.append(Remark(self._tally.leave(line, "upload of an artifact", f"{error} has no equal")))
            return
        item = Block(paths=kept, name=name)
        days = str(given.get("retention-days", ""))
        if days.isdecimal() and int(days):
            item.put("keep_days", int(days))
        if given.get("if-no-files-found") == "error":
            item.put("required", True)
        parts.artifacts.append(item)
        self._tally.said += 1

    def _command(self, step: Mapping) -> Block:
        block = Block()
        line = step.lines["run"]
        if step.get("name"):
            block.put("name", self._text(block, step, "name"))
        block.put("run", self._script(block, str(step["run"]), line))
        if step.get("if"):
            self._condition(block, step)
        for key, ours in (("shell", "shell"), ("working-directory", "working_directory")):
            if step.get(key):
                block.put(ours, self._shell(block, step, key) if key == "shell" else self._text(block, step, key))
        if str(step.get("timeout-minutes", "")).isdecimal():
            block.put("timeout_seconds", 60 * int(step["timeout-minutes"]))
        if is_true(step.get("continue-on-error", "")):
            block.put("continue_on_error", True)
        env = self._env(block, mapping(step.get("env", "")))
        in_script = {name: f"{{{{ secret.{name} }}}}" for name in expressions.secrets_in(str(step["run"]))}
        for name, value in {**self._secrets, **in_script}.items():
            if name not in env:
                env.put(name, value)
        block.put("env", env)
        return block

    def _script(self, block: Block, script: str, line: int) -> str:
        if script.count("\n") == 1 and script.endswith("\n"):
            script = script[:-1]
        try:
            said = in_text(script, in_script=True)
        except NoEqual as error:
            block.note(self._tally.leave(line, "run", f"{error} has no equal"))
            said = script
        for name in unknown(said, expressions.VARIABLES):
            block.note(self._tally.leave(line, f"${name}", "nothing is set in its place"))
        return renamed(said, expressions.VARIABLES)

    def _condition(self, block: Block, step: Mapping) -> None:
        try:
            block.put("if", condition(str(step["if"])))
            self._tally.said += 1
        except NoEqual as error:
            block.note(self._tally.leave(step.lines["if"], f"if: {step['if']}", f"{error} {UNSAID}"))
            block.put("if", NEVER)

    def _text(self, block: Block, step: Mapping, key: str) -> str:
        try:
            return in_text(str(step[key]), in_script=False)
        except NoEqual as error:
            block.note(self._tally.leave(step.lines[key], f"{key}: {step[key]}", f"{error} has no equal"))
            return ""

    def _shell(self, block: Block, step: Mapping, key: str) -> str:
        found = shell_named(str(step[key]))
        if not found:
            block.note(
                self._tally.leave(step.lines[key], f"shell: {step[key]}", "a script of that kind is called in a `run`")
            )
        return found

    def _env(self, block: Block, env: Mapping) -> Block:
        said = Block()
        for name, value in env.items():
            if "secrets.GITHUB_TOKEN" in str(value) or "github.token" in str(value):
                why = "the forge gives no token; store one with `cictl secrets set`"
                block.note(self._tally.leave(env.lines[name], f"{name}: {value}", why))
                continue
            try:
                said.items.append((name, in_text(str(value), in_script=False)))
            except NoEqual as error:
                block.note(self._tally.leave(env.lines[name], f"{name}: {value}", f"{error} has no equal"))
        return said


def shell_named(text: str) -> str:
    """Return our name of a shell; empty for none."""
    word = text.split()[0].rpartition("/")[2] if text.split() else ""
    return {"bash": "bash", "sh": "posix", "pwsh": "powershell", "powershell": "powershell", "cmd": "cmd"}.get(word, "")


def _simple(version: str) -> str:
    return version if version.replace(".", "").isdecimal() else ""
