"""What is allowed in the scripts of steps and yet hardly meant. Such a file is imported all the same; `lint` warns."""

from __future__ import annotations

from collections.abc import Iterator

from cictl.project_file.definition import Step
from cictl.project_file.findings import Finding
from cictl.project_file.hints.shell import remarks
from cictl.project_file.schema import DefaultsShape, FileShape, JobShape
from cictl.project_file.shells import shell_of_step
from cictl.project_file.source.structure import Positions


def advise_scripts(file: FileShape, positions: Positions, text: str) -> tuple[Finding, ...]:
    """Return a warning for each place where a step that `sh` runs needs another shell, in the order of the file.

    Args:
        text: The file as it was read. In included files the place of a remark is that of its script.
    """
    lines = text.split("\n")
    found: dict[tuple[str, int, int, str], Finding] = {}
    for path, script in _scripts(file):
        begin = positions.at(path)
        places = _Places(script, [] if begin.file else lines, (begin.line, begin.column))
        for offset, remark in remarks(script):
            line, column = places.of(offset)
            message = f"{path} {remark}"
            finding = Finding(line=line, column=column, path=path, message=message, file=begin.file)
            found.setdefault((begin.file, line, column, remark), finding)  # an alias shows one script at several paths
    return tuple(sorted(found.values(), key=lambda finding: (finding.line, finding.column)))


def _scripts(file: FileShape) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each script that `sh` runs."""
    for pipeline_index, pipeline in enumerate(file.pipelines):
        for job_index, job in enumerate(pipeline.jobs):
            for step_index, step in enumerate(job.steps):
                if not _runs_in_sh(step, job, file.defaults):
                    continue
                path = f"pipelines[{pipeline_index}].jobs[{job_index}].steps[{step_index}]"
                if step.test is None:
                    yield f"{path}.run", step.run
                else:
                    yield f"{path}.test.command", step.test.command


def _runs_in_sh(step: Step, job: JobShape, defaults: DefaultsShape) -> bool:
    shell = shell_of_step(step, job, defaults)
    return shell == "posix" or (not shell and job.runs_on.get("os", "").strip() != "windows")


class _Places:
    """Where in the file the characters of one script stand.

    A block (`run: |`) and a script on one line have a place for each character. Where YAML folds lines or knows escapes, the
    place is that of the whole script.
    """

    def __init__(self, script: str, lines: list[str], begin: tuple[int, int]) -> None:
        self._script = script
        self._lines = lines
        self._begin = begin

    def of(self, offset: int) -> tuple[int, int]:
        """Return line and column, from 1, of the character at *offset* of the script."""
        row = self._script.count("\n", 0, offset)
        start = self._script.rfind("\n", 0, offset) + 1
        end = self._script.find("\n", start)
        wanted = self._script[start:] if end < 0 else self._script[start:end]
        line, column = self._begin
        for number, after in ((line, column - 1), (line + 1 + row, 0)):  # on the key's own line, or in a block below it
            if number > len(self._lines) or (number == line and row):
                continue
            at = self._lines[number - 1].find(wanted, after)
            if at >= 0:
                return number, at + 1 + offset - start
        return self._begin
