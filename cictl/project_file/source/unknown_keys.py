"""What to write instead of a key that this place does not have: the nearest by spelling, or by what other tools call it."""

from __future__ import annotations

from collections.abc import Sequence

from cictl.project_file.findings import quote

MEANINGS: dict[str, tuple[str, ...]] = {
    "after_script": ("a step of its own at the end of `steps`",),
    "agents": ("runs_on", "`runs_on` of each job"),
    "artifact": ("artifacts", "`artifacts` of a job"),
    "before_script": ("a step of its own at the beginning of `steps`",),
    "cache": ("caches", "`caches` of a job"),
    "cmd": ("run", "`steps: [{run: …}]`"),
    "command": ("run", "`steps: [{run: …}]`"),
    "commands": ("run", "`steps: [{run: …}]`"),
    "continue-on-error": ("continue_on_error", "`continue_on_error` of a step"),
    "container": ("`runs_on: {container_image: …}` of a job",),
    "dependencies": ("needs", "depends_on"),
    "depends": ("needs", "depends_on"),
    "depends_on": ("needs",),
    "env": ("`env` of defaults, pipelines, jobs and steps",),
    "environment": ("env", "`env` of defaults, pipelines, jobs and steps"),
    "git": ("vcs_source",),
    "allow_failure": ("`allow_failure` of a job, or `continue_on_error` of a step",),
    "if": ("`if` of a job or a step",),
    "image": ("`runs_on: {container_image: …}` of a job",),
    "include": ("`include` at the top level",),
    "job": ("jobs", "`jobs` of a pipeline"),
    "jobs": ("`pipelines: [{id: …, jobs: …}]`",),
    "label": ("runs_on",),
    "labels": ("runs_on", "`runs_on` of a job"),
    "matrix": ("`matrix` of a job",),
    "name": ("id", "project"),
    "need": ("needs",),
    "needs": ("depends_on", "`needs` of a job"),
    "on": ("`on` of a pipeline",),
    "schedule": ("`on: {schedule: [{cron: …}]}` of a pipeline",),
    "triggers": ("on", "`on` of a pipeline"),
    "outputs": ("`outputs` of a job",),
    "paths": ("artifacts",),
    "reports": ("`steps: [{test: {command: …, format: …, report: …}}]`",),
    "resource_group": ("concurrency",),
    "cancel-in-progress": ("`on_new: cancel_running` of a `concurrency`",),
    "repository": ("repo", "vcs_source"),
    "run": ("`steps: [{run: …}]`",),
    "runs-on": ("runs_on", "`runs_on` of a job"),
    "script": ("run", "`steps: [{run: …}]`"),
    "secrets": ("vault",),
    "services": ("`services` of a job",),
    "shell": ("`shell` of defaults, a job or a step",),
    "source": ("vcs_source",),
    "stages": ("`needs` of a job, or a chain of pipelines",),
    "step": ("steps",),
    "steps": ("`steps` of a job",),
    "strategy": ("matrix",),
    "tags": ("runs_on",),
    "task": ("jobs", "steps"),
    "tasks": ("jobs", "steps"),
    "timeout": ("timeout_seconds", "`timeout_seconds` of a job"),
    "timeout-minutes": ("timeout_seconds", "`timeout_seconds` of a job"),
    "timeout_minutes": ("timeout_seconds", "`timeout_seconds` of a job"),
    "tools": ("requires",),
    "uses": ("`run` with the commands themselves",),
    "variables": ("env", "`env` of defaults, pipelines, jobs and steps"),
    "vars": ("env", "`env` of defaults, pipelines, jobs and steps"),
    "when": ("if", "`if` of a step, or `when` of an item of `artifacts`"),
    "working-directory": ("working_directory", "`working_directory` of a job or a step"),
    "workflow": ("pipelines", "jobs"),
    "workflows": ("pipelines",),
}
"""For words of other tools' files, and for our own in the wrong place: what to write. The first that is a key at the place
counts, else the first that is a phrase."""

NO_EQUAL = frozenset(
    {
        "except",
        "extends",
        "only",
        "permissions",
        "rules",
        "with",
        "workspace",
    }
)
"""Words of other tools' files for what a project file can't say."""

_LONGEST = 64
_AXES = "`matrix: {axes: {NAME: [VALUE, …]}}`"


def unknown_key(name: str, path: str, known: Sequence[str]) -> str:
    """Return the finding's text for the key *name* in the mapping at *path*, which has the keys *known*."""
    where = f"in {path}" if path else "at the top level"
    text = f"field {quote(name)[1:-1]} not found {where}"
    instead = _instead(name, path, known) if len(name) <= _LONGEST else ""
    return "; ".join(filter(None, (text, instead, f"allowed here: {', '.join(known)}")))


def _instead(name: str, path: str, known: Sequence[str]) -> str:
    import difflib

    word = name.lower()
    if word in NO_EQUAL and word not in known:
        return "it has no equal here"
    meanings = MEANINGS.get(word, ())
    best = next((meaning for meaning in meanings if meaning in known), "")
    if not best:
        best = next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.7)), "")
    if not best and path.endswith(".matrix"):
        return f"write {_AXES}"
    if best:
        return f'did you mean "{best}"?'
    phrase = next((meaning for meaning in meanings if meaning.startswith("`") or " " in meaning), "")
    return f"write {phrase}" if phrase else ""
