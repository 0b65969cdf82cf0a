"""Completion scripts for bash, zsh, fish and PowerShell: the static words of the command tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cictl.cli.tree import CHOICES, Node

_NOTE = "# Completion for cictl; generated from its commands by `make docs`.\n"


def bash(nodes: Sequence[Node]) -> str:
    """Return the script to source in bash."""
    paths = "|".join(f'"{node.path}"' for node in nodes[1:])
    cases = "".join(
        f'        "{node.path}")\n'
        f'            commands="{" ".join(name for name, _ in node.commands)}"\n'
        f'            options="{" ".join(_options(node))}"\n'
        "            ;;\n"
        for node in nodes
    )
    choices = "".join(
        f'        {words}) COMPREPLY=($(compgen -W "{values}" -- "$current")); return ;;\n'
        for words, values in _choices()
    )
    return f"""{_NOTE}# Source it, or copy it to ~/.local/share/bash-completion/completions/cictl
_cictl() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
    local trail="cictl" commands="" options="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$trail ${{COMP_WORDS[i]}}" in
        {paths}) trail="$trail ${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "$previous" in
{choices}    esac
    case "$trail" in
{cases}    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    else
        COMPREPLY=($(compgen -W "$commands" -- "$current"))
    fi
}}
complete -o default -F _cictl cictl
"""


def zsh(nodes: Sequence[Node]) -> str:
    """Return the function to put as `_cictl` into a directory of zsh's fpath."""
    paths = "|".join(f'"{node.path}"' for node in nodes[1:])
    cases = "".join(
        f'        "{node.path}")\n'
        f"            commands=({_described(node.commands)})\n"
        f"            options=({_described(_option_helps(node))})\n"
        "            ;;\n"
        for node in nodes
    )
    choices = "".join(f"        {words}) compadd -- {values}; return ;;\n" for words, values in _choices())
    return f"""#compdef cictl
{_NOTE}# Copy it as _cictl into a directory of $fpath.
_cictl() {{
    local trail="cictl" i
    local -a commands options
    for ((i = 2; i < CURRENT; i++)); do
        case "$trail ${{words[i]}}" in
        {paths}) trail="$trail ${{words[i]}}" ;;
        esac
    done
    case "${{words[CURRENT-1]}}" in
{choices}    esac
    case "$trail" in
{cases}    esac
    if [[ "${{words[CURRENT]}}" == -* ]]; then
        _describe -o option options
    elif ((${{#commands}})); then
        _describe command commands
    else
        _files
    fi
}}
if [[ "${{funcstack[1]}}" == "_cictl" ]]; then
    _cictl "$@"
else
    compdef _cictl cictl
fi
"""


def fish(nodes: Sequence[Node]) -> str:
    """Return the script for fish's completions directory."""
    paths = " ".join(_quoted(node.path) for node in nodes[1:])
    lines = []
    for node in nodes:
        at = f"complete -c cictl -n '__cictl_at \"{node.path}\"'"
        lines += [f"{at} -f -a {name} -d {_quoted(text)}" for name, text in node.commands]
        for option in node.options:
            flags = "".join(f" -l {w[2:]}" if w.startswith("--") else f" -s {w[1:]}" for w in option.words)
            value = f" -x -a {_quoted(' '.join(option.choices))}" if option.choices else " -r" * option.takes_value
            lines.append(f"{at}{flags}{value} -d {_quoted(option.help)}")
    return f"""{_NOTE}# Copy it to ~/.config/fish/completions/cictl.fish
function __cictl_at
    set -l trail cictl
    for word in (commandline -opc)[2..]
        if contains -- "$trail $word" {paths}
            set trail "$trail $word"
        end
    end
    test "$trail" = "$argv[1]"
end
""" + "".join(f"{line}\n" for line in lines)


def powershell(nodes: Sequence[Node]) -> str:
    """Return the script to dot-source in PowerShell."""
    table = "".join(
        f"        {_powershell(node.path)} = @(\n"
        + "".join(
            f"            @({_powershell(name)}, {_powershell(text)})\n"
            for name, text in [*node.commands, *_option_helps(node)]
        )
        + "        )\n"
        for node in nodes
    )
    choices = "".join(
        f"        {_powershell(word)} = @({', '.join(map(_powershell, values.split()))})\n"
        for words, values in _choices()
        for word in words.split("|")
    )
    return f"""{_NOTE}# Dot-source it from $PROFILE.
Register-ArgumentCompleter -Native -CommandName cictl -ScriptBlock {{
    param($wordToComplete, $commandAst, $cursorPosition)
    $table = @{{
{table}    }}
    $choices = @{{
{choices}    }}
    $words = @($commandAst.CommandElements | Where-Object {{ $_.Extent.EndOffset -lt $cursorPosition }} |
        ForEach-Object {{ $_.ToString() }})
    $trail = 'cictl'
    foreach ($word in ($words | Select-Object -Skip 1)) {{
        if ($table.ContainsKey("$trail $word")) {{ $trail = "$trail $word" }}
    }}
    $found = if ($words.Count -gt 1 -and $choices.ContainsKey($words[-1])) {{
        $choices[$words[-1]] | ForEach-Object {{ , @($_, $_) }}
    }} elseif ($wordToComplete.StartsWith('-')) {{
        $table[$trail]
    }} else {{
        $table[$trail] | Where-Object {{ -not $_[0].StartsWith('-') }}
    }}
    $found | Where-Object {{ $_[0].StartsWith($wordToComplete) }} | ForEach-Object {{
        [System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', $_[1])
    }}
}}
"""


SCRIPTS: dict[str, Callable[[Sequence[Node]], str]] = {"bash": bash, "zsh": zsh, "fish": fish, "ps1": powershell}
"""What writes the script, by the suffix of its file."""


def _options(node: Node) -> list[str]:
    return [word for option in node.options for word in option.words]


def _option_helps(node: Node) -> list[tuple[str, str]]:
    return [(word, option.help) for option in node.options for word in option.words]


def _choices() -> list[tuple[str, str]]:
    """Return the words of the options with choices, as the alternatives of a case, and their values."""
    short = {"--output": "-o|"}
    return [(short.get(word, "") + word, " ".join(values)) for word, values in CHOICES.items()]


def _described(pairs: Sequence[tuple[str, str]]) -> str:
    return " ".join(_quoted(f"{word.replace(':', chr(92) + ':')}:{text}") for word, text in pairs)


def _quoted(text: str) -> str:
    """Quote for zsh; fish reads the same, since no help text has a backslash before a quote."""
    return "'" + text.replace("'", "'\\''") + "'"


def _powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
