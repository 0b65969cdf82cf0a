"""The manual pages: one for the program, and one for each of its commands with all that is below it.

They are made of what `--help` shows. Of roff only the man macros are used, which groff and mandoc both know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.completion.tree import Node, Parameter

_CODE = re.compile(r"`([^`]+)`")
_COMMENT = '.\\" Generated from the commands by `make docs`.\n'

_ENVIRONMENT = (
    ("CICTL_SERVER_URL", "The server, unless --server or --context names one; else CIWI_SERVER_URL."),
    ("CICTL_CONTEXT", "The named server of the context file that is used."),
    ("CICTL_TOKEN, CICTL_TOKEN_FILE", "The token that is sent, or a file that holds it."),
    ("CICTL_JOB_TOKEN", "In the steps of a job, its token: sent to CICTL_SERVER_URL if there is no other."),
    ("CICTL_OUTPUT", "The format, unless -o names one."),
    ("CICTL_READONLY", "With 1, every command that would change something is refused."),
    ("CICTL_HINTS", "With 0, successes tell no next command on a terminal."),
    ("CICTL_COMPLETION_SECONDS", "How long the TAB key waits for the server; 0.3 without it."),
    ("NO_COLOR, TERM, COLUMNS", "Whether there is colour and motion, and how wide a screen is."),
)

_FILES = (
    ("~/.config/cictl/config.yaml", "The named servers; written by `cictl context`. XDG_CONFIG_HOME moves it."),
    ("~/.local/share/cictl", "The data of `cictl serve`, unless --data-dir names another place."),
)


def pages(nodes: Sequence[Node]) -> dict[str, str]:
    """Return every page by its path."""
    program, *rest = nodes
    tops = [node for node in rest if node.path.count(" ") == 1]
    made = {"man/cictl.1": "".join(_program(program))}
    for top in tops:
        below = [node for node in rest if node.path.startswith(f"{top.path} ")]
        made[f"man/{_page(top.path)}.1"] = "".join(_command(top, below, program))
    return made


def _program(node: Node) -> Iterator[str]:
    yield from _head(node.path, "CI/CD that you drive from a terminal")
    yield ".SH SYNOPSIS\n"
    yield f"\\fB{_text(node.usage)}\\fR\n"
    yield ".SH DESCRIPTION\n"
    yield _paragraphs(node.help)
    yield ".SH COMMANDS\n"
    for name, summary in node.commands:
        yield f".TP\n\\fBcictl\\-{_text(name)}\\fR(1)\n{_line(summary)}"
    yield ".SH OPTIONS\nThey go before or behind the command.\n"
    yield from _options(node.parameters)
    yield ".SH EXIT STATUS\n"
    for code in ExitCode:
        yield f".TP\n{int(code)}\n{_line(code.meaning)}"
    for title, entries in (("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        yield f".SH {title}\n"
        for name, text in entries:
            yield f".TP\n\\fB{_text(name)}\\fR\n{_line(text)}"
    yield from _examples(node)


def _command(node: Node, below: Sequence[Node], program: Node) -> Iterator[str]:
    yield from _head(node.path, dict(program.commands).get(node.path.split()[1], node.summary))
    yield ".SH SYNOPSIS\n"
    for each in below or [node]:
        yield f"\\fB{_text(each.usage)}\\fR\n.br\n"
    yield ".SH DESCRIPTION\n"
    yield _paragraphs(node.help)
    if below:
        yield ".SH COMMANDS\n"
        for each in below:
            yield f".SS {_text(each.path)}\n"
            yield _paragraphs(each.help)
            yield from _options(_own(each))
            yield from _examples(each, heading=".PP\nExamples:\n")
    else:
        own = list(_own(node))
        yield ".SH OPTIONS\n" if own else ""
        yield from _options(own)
    yield from _examples(node)
    yield ".SH SEE ALSO\n\\fBcictl\\fR(1), which has the options of all commands and the exit codes.\n"


def _head(path: str, summary: str) -> Iterator[str]:
    name = _page(path)
    yield f'{_COMMENT}.TH "{_text(name.upper())}" 1 "" "cictl" "User Commands"\n'
    yield f".SH NAME\n{_text(name)} \\- {_line(summary.rstrip('.'))}"


def _own(node: Node) -> Iterator[Parameter]:
    return (parameter for parameter in node.parameters if not parameter.shared)


def _options(parameters: Sequence[Parameter] | Iterator[Parameter]) -> Iterator[str]:
    for parameter in parameters:
        yield f".TP\n\\fB{_text(parameter.shown)}\\fR\n{_line(parameter.help)}"


def _examples(node: Node, *, heading: str = ".SH EXAMPLES\n") -> Iterator[str]:
    if node.examples:
        yield heading
        yield ".nf\n"
        yield from (f".RS 4\n{_line(example)}.RE\n" for example in node.examples)
        yield ".fi\n"


def _paragraphs(text: str) -> str:
    blocks = (" ".join(block.split()) for block in text.split("\n\n"))
    return ".PP\n".join(_line(block) for block in blocks)


def _page(path: str) -> str:
    return path.replace(" ", "-")


def _line(text: str) -> str:
    """Return *text* as one line that roff takes for text, whatever it begins with."""
    line = _CODE.sub(r"\\fB\1\\fR", _text(text))
    return ("\\&" if line.startswith((".", "'")) else "") + f"{line}\n"


def _text(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")
