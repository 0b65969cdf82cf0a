"""Write what is generated from the commands: the reference page, the manual pages, the completion scripts and the schema of the project file.

`python -m cictl.cli.reference.docs [DIRECTORY]` writes `docs/cli.md`, `docs/project-file.schema.json`, `man/` and `completions/` below the directory, by default here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.completion.generate import SCRIPTS
from cictl.cli.completion.tree import Node, Parameter, command_tree
from cictl.cli.reference.man import pages
from cictl.project_file.json_schema import schema_text

SCHEMA = "docs/project-file.schema.json"

_INTRODUCTION = """# The command line

Generated from the commands by `make docs`; edit the commands, not this page.

Results go to stdout and everything else to stderr. Wherever a command takes an agent, a project, a pipeline or a job, the
unique beginning of its name is enough.

## Names of jobs and runs

The server numbers runs: 1, 2, 3. Wherever a command takes a job or a run, these name one:

| name | what it means |
| --- | --- |
| `41` | run 41; where one job is wanted, the only job of that run |
| `41/test` | the job `test` of run 41 |
| `41/test/green` | its matrix entry `green` |
| `41/build/test` | in a run of a chain: the job `test` of the pipeline `build` |
| `41/test:2` | the first rerun of that job; the next one ends in `:3` |
| `@last` | the newest run: the one whose job was enqueued last, perhaps by a rerun |
| `@last/test` | the newest execution of a job of that run |
| `shop/build@last` | the newest run of a pipeline or a chain |
| `shop/build/test@last` | the newest execution of a job |
| `job-1795541225174704000` | the long id, as JSON has it and `-o name` prints it |

A short id always means the same job. Runs that were stored before servers numbered them, and those of a reference server,
have no number: they are named by `@last` and by their long ids.

`jobs cancel`, `rerun` and `delete` take several names, and `-` reads names from stdin, one a line. `jobs watch` and `jobs cancel`
take all jobs of a run by its number.

In a checkout of a project that the server knows, names can be left out: `cictl run` asks what shall run, `cictl jobs logs` shows the
newest failure, `cictl runs show` and `runs summary` the newest run, and `cictl open` opens the project's page. A checkout belongs to
the projects that build its `origin`, or the repository itself.

## Output

`-o table` (the default) is for people: on a terminal with relative ages and colours, in a pipe plain columns that are
never cut, with ISO 8601 instants. `-o wide` has more columns. `-o json` and `-o yaml` are the API's own shapes; `-o name`
is one name or id a line. `--query` takes a [JMESPath](https://jmespath.org) expression over the JSON; with `-o name` it
prints bare values. `cictl audit list -o jsonl` writes one JSON object a line.

A command that changes something says so on stderr, and has data on stdout only when `-o json`, `-o yaml`, `-o name` or
`--query` asks for it. With `-o json` an error is one JSON object on the last line of stderr:
`{"error":{"code","message","hint","status"}}`.

`NO_COLOR`, `TERM=dumb` and `COLUMNS` are respected. Logs and names are stripped of terminal control sequences;
`jobs logs --raw` leaves them in.

A closed stdout is like the null device. When stdout takes no more, such as on a full disk, the command does its work to the
end, says that the output is incomplete, and ends with its own exit code, or with 1 where that would be 0.

`agents list --watch`, `jobs watch` and the waits for several jobs draw a live table on a terminal; elsewhere each change
is a line.
"""

_SETTINGS = """## Settings

A flag wins over the environment, which wins over the context file, which wins over the default.

| setting | flag | environment | context file |
| --- | --- | --- | --- |
| server | `--server` | `CICTL_SERVER_URL`, else `CIWI_SERVER_URL` | `server` |
| context | `--context` | `CICTL_CONTEXT` | `current` |
| token | none, on purpose | `CICTL_TOKEN`, `CICTL_TOKEN_FILE`; in steps, for lack of any, `CICTL_JOB_TOKEN` | `token`, `token_file` |
| output | `-o` | `CICTL_OUTPUT`, but not in steps of jobs, where it names a file | |
| refuse writes | | `CICTL_READONLY=1` | |
| no `next: …` lines on a terminal | | `CICTL_HINTS=0` | |
| how long completion asks the server | none | `CICTL_COMPLETION_SECONDS`, else 0.3 | |

The default server is `http://127.0.0.1:8112`. The context file is `$XDG_CONFIG_HOME/cictl/config.yaml`
(`~/.config/cictl/config.yaml`):

```yaml
current: prod
contexts:
  prod:
    server: https://ci.example.com
    token_file: ~/.config/cictl/prod.token
    protected: true
```

`cictl context set`, `use` and `delete` write it, readable by its owner only (comments in it are lost), and
`cictl context show --origins` tells which setting came from where. A context's token is sent to that context's server
only. On the server of a protected context, what destroys asks for the context's name, as do `agents deactivate` and `jobs
cancel`, and `--yes` alone does not do: a script gives `--context NAME --yes`.
"""

_WAITING = """## Waiting

`run --wait`, `run --follow`, `jobs watch` and `jobs logs --follow` end with the result as exit code. They go on through
dropped connections, server errors and server restarts. Ctrl-C ends the waiting, says how to attach again and leaves the
jobs alone; `--cancel-on-interrupt` cancels them. The log of one job comes as it is; with several, each line begins with
`JOB/MATRIX | `. Of more than 20 jobs only the failed ones' logs are shown.
"""


_COMPLETION = """## Completion in a shell

`cictl completion install` puts the script for your shell (bash, zsh, fish or PowerShell) where the shell finds it, and
says what is left to do. The TAB key then completes commands, options and their words, and the names that exist: agents,
projects, `PROJECT/PIPELINE[/JOB]`, chains, jobs, runs and contexts. Names are asked of the server that the line, the
environment or the context names, within 0.3 seconds; when it is away, nothing is offered and nothing is said.

## Manual pages

`man cictl` and, of each command, `man cictl-jobs` come with the installation, in `share/man`. Where `man` does not find them
there, as in a virtual environment that is not active, `man -M PREFIX/share/man cictl` does.
"""

_RAW = """## The API itself

`cictl api METHOD PATH` sends any request: `jobs` and `/jobs` are `/api/v1/jobs`, `/healthz` is just that. `-d KEY=VALUE` is a text,
`-D KEY=VALUE` is typed where the value is `true`, `false`, `null` or a number; they become the query of a GET and the JSON
body of anything else, and `--input FILE` is a body as it stands. The answer is printed as it comes, byte for byte in a
pipe. `--paginate` follows `next_cursor` and shows all pages as one; `--query` and `-o` work as everywhere, and a refusal
has the same exit code as from any other command.
"""


def reference(nodes: Sequence[Node]) -> str:
    """Return the reference page."""
    parts = [
        _INTRODUCTION,
        _exit_codes(),
        _SETTINGS,
        _WAITING,
        _RAW,
        _COMPLETION,
        _global_options(nodes),
        "## Commands\n",
    ]
    parts += [_section(node) for node in nodes if node.path != "cictl"]
    return "\n".join(parts)


def files(nodes: Sequence[Node]) -> dict[str, str]:
    """Return every generated file by its path."""
    scripts = {f"completions/cictl.{shell}": write(nodes) for shell, write in SCRIPTS.items()}
    return {"docs/cli.md": reference(nodes), SCHEMA: schema_text(), **scripts, **pages(nodes)}


def _exit_codes() -> str:
    rows = [f"| {int(code)} | {code.meaning} |" for code in ExitCode]
    return "\n".join(["## Exit codes\n", "| code | meaning |", "| --- | --- |", *rows, ""])


def _global_options(nodes: Sequence[Node]) -> str:
    shared = [p for p in nodes[0].parameters if "--help" not in p.words]
    return "\n".join(["## Global options\n", "They go before or behind the command.\n", *_rows(shared), ""])


def _section(node: Node) -> str:
    lines = [f"### {node.path}\n", f"{_paragraphs(node.help)}\n", f"```\n{node.usage}\n```\n"]
    if node.commands:
        lines += ["| command | does |", "| --- | --- |"]
        lines += [f"| `{name}` | {_cell(text)} |" for name, text in node.commands]
        lines.append("")
    own = [p for p in node.parameters if not p.shared and not (node.commands and "--yes" in p.words)]
    if own:
        lines += [*_rows(own), ""]
    if node.examples:
        lines += ["```sh", *node.examples, "```", ""]
    return "\n".join(lines)


def _rows(parameters: Sequence[Parameter]) -> Iterator[str]:
    yield "| | |"
    yield "| --- | --- |"
    for parameter in parameters:
        yield f"| `{_cell(parameter.shown)}` | {_cell(parameter.help)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def write(directory: Path) -> list[Path]:
    """Write every generated file below *directory* and return their paths."""
    written = []
    for name, text in files(command_tree()).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else ".")):
        sys.stdout.write(f"{path}\n")
