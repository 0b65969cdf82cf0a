"""Completion scripts for bash, zsh, fish and PowerShell.

Each script knows the static words: of every command its subcommands, its options, which of those take a value, and the
kinds of its arguments. It walks along the command line to the command that is being typed, and offers what can stand at
the cursor. The names that exist on the server it asks of `cictl __complete`, see `candidates`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files

from cictl.cli.app.words import WORDS
from cictl.cli.completion.tree import Node

_NOTE = "# Completion for cictl; generated from its commands by `make docs`.\n"


def bash(nodes: Sequence[Node]) -> str:
    """Return the script to source in bash."""
    cases = "".join(
        _case(
            node,
            commands=f'"{" ".join(name for name, _ in node.commands)}"',
            options=f'"{" ".join(word for word, _ in _options(node))}"',
            arguments=f'"{" ".join(_kinds(node))}"',
        )
        for node in nodes
    )
    words = "".join(
        f'    {kind}) COMPREPLY=($(compgen -W "{" ".join(values)}" -- "$current")) ;;\n'
        for kind, values in WORDS.items()
    )
    return _filled("bash", nodes=cases, kinds=_case_kinds(nodes), words=words)


def zsh(nodes: Sequence[Node]) -> str:
    """Return the function to put as `_cictl` into a directory of zsh's fpath."""
    cases = "".join(
        _case(
            node,
            commands=f"({_described(node.commands)})",
            options=f"({_described(_options(node))})",
            arguments=f"({' '.join(_kinds(node))})",
        )
        for node in nodes
    )
    words = "".join(f"    {kind}) compadd -- {' '.join(values)} ;;\n" for kind, values in WORDS.items())
    return "#compdef cictl\n" + _filled("zsh", nodes=cases, kinds=_case_kinds(nodes), words=words)


def fish(nodes: Sequence[Node]) -> str:
    """Return the script for fish's completions directory."""
    cases = "".join(
        f"        case '{node.path}'\n"
        + _fish_set("commands", _pairs(node.commands))
        + _fish_set("options", _pairs(_options(node)))
        + _fish_set("valued", " ".join(_valued(node)))
        + _fish_set("arguments", " ".join(_kinds(node)))
        + _fish_set("repeated", _quoted(_repeated(node)))
        for node in nodes
    )
    kinds = "".join(
        f"        case {' '.join(words)}\n            echo {kind}\n" for words, kind in _option_kinds(nodes)
    )
    words = "".join(
        f"        case {kind}\n            printf '%s\\n' {' '.join(values)}\n" for kind, values in WORDS.items()
    )
    return _filled("fish", nodes=cases, kinds=kinds, words=words)


def powershell(nodes: Sequence[Node]) -> str:
    """Return the script to dot-source in PowerShell."""
    table = "".join(
        f"        {_powershell(node.path)} = @{{\n"
        f"            commands = @({_powershell_pairs(node.commands)})\n"
        f"            options = @({_powershell_pairs(_options(node))})\n"
        f"            valued = @({_powershell_list(_valued(node))})\n"
        f"            arguments = @({_powershell_list(kind.removeprefix('-') for kind in _kinds(node))})\n"
        f"            repeated = {_powershell(_repeated(node))}\n"
        "        }\n"
        for node in nodes
    )
    kinds = "".join(
        f"        {_powershell(word)} = {_powershell(kind)}\n" for words, kind in _option_kinds(nodes) for word in words
    )
    words = "".join(f"        {_powershell(kind)} = @({_powershell_list(values)})\n" for kind, values in WORDS.items())
    return _filled("ps1", nodes=table, kinds=kinds, words=words)


SCRIPTS: dict[str, Callable[[Sequence[Node]], str]] = {"bash": bash, "zsh": zsh, "fish": fish, "ps1": powershell}
"""What writes the script, by the suffix of its file."""


def _filled(suffix: str, *, nodes: str, kinds: str, words: str) -> str:
    template = files("cictl.cli.completion").joinpath("templates", f"cictl.{suffix}").read_text(encoding="utf-8")
    return _NOTE + template.replace("@NODES@", nodes).replace("@KINDS@", kinds).replace("@WORDS@", words)


def _case(node: Node, *, commands: str, options: str, arguments: str) -> str:
    """Return the branch of a `case` for *node*, for bash and zsh; the values come as the shell writes its lists."""
    return (
        f'    "{node.path}")\n'
        f"        commands={commands}\n"
        f"        options={options}\n"
        f'        valued="{" ".join(_valued(node))}"\n'
        f'        arguments={arguments} repeated="{_repeated(node)}"\n'
        "        ;;\n"
    )


def _case_kinds(nodes: Sequence[Node]) -> str:
    """Return the branches of a `case` that tell what an option takes, for bash and zsh."""
    return "".join(f"    {'|'.join(words)}) kind={kind} ;;\n" for words, kind in _option_kinds(nodes))


def _options(node: Node) -> list[tuple[str, str]]:
    return [(word, option.help) for option in node.options for word in option.words]


def _valued(node: Node) -> list[str]:
    """Return the options that are followed by a value."""
    return [word for option in node.options if option.takes_value for word in option.words]


def _kinds(node: Node) -> list[str]:
    """Return the kind of each argument; a dash where there is none."""
    return [argument.kind or "-" for argument in node.arguments]


def _repeated(node: Node) -> str:
    return next((argument.kind for argument in node.arguments if argument.repeats), "")


def _option_kinds(nodes: Sequence[Node]) -> list[tuple[tuple[str, ...], str]]:
    """Return the words of each option whose values can be completed, and their kind."""
    return sorted({(option.words, option.kind) for node in nodes for option in node.options if option.kind})


def _fish_set(name: str, values: str) -> str:
    return f"            set -g __cictl_{name} {values}".rstrip() + "\n"


def _described(pairs: Sequence[tuple[str, str]]) -> str:
    return " ".join(_quoted(f"{word.replace(':', chr(92) + ':')}:{text}") for word, text in pairs)


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return " ".join(f"{word} {_quoted(text)}" for word, text in pairs)


def _quoted(text: str) -> str:
    """Quote for zsh; fish reads the same, since no help text has a backslash before a quote."""
    return "'" + text.replace("'", "'\\''") + "'"


def _powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _powershell_list(texts: Iterable[str]) -> str:
    return ", ".join(map(_powershell, texts))


def _powershell_pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """Return pairs that stay pairs, also when there is one only."""
    return "".join(f"\n                , @({_powershell(word)}, {_powershell(text)});" for word, text in pairs)
