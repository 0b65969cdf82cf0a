"""Completion scripts for bash, zsh, fish and PowerShell.

Each script knows the static words: of every command its subcommands, its options, which of those take a value, and the
kinds of its arguments. It walks along the command line to the command that is being typed, and offers what can stand at
the cursor. The names that exist on the server it asks of `cictl __complete`, see `candidates`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cictl.cli.app.words import WORDS
from cictl.cli.completion.tree import Node

_NOTE = "# Completion for cictl; generated from its commands by `make docs`.\n"

# The program is called by its name, never by the path that was typed: a key pressed in a directory runs nothing from it.
_BASH = r"""# Source it, or copy it to ~/.local/share/bash-completion/completions/cictl
_cictl_node() {
    case "$1" in
@NODES@    *) return 1 ;;
    esac
}

_cictl_kind() {
    case "$1" in
@KINDS@    *) kind="" ;;
    esac
}

_cictl() {
    local words word current typed name breaks skip="" kind="" trail="cictl" position=0 i
    local commands options valued arguments repeated
    local line="${COMP_LINE:0:COMP_POINT}"
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current="${words[${#words[@]} - 1]}"
    _cictl_node cictl
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word="${words[i]}"
        if [[ -n $skip ]]; then
            skip=""
        elif [[ " $valued " == *" $word "* ]]; then
            skip="$word"
        elif [[ $word == -* ]]; then
            :
        elif [[ -n $commands ]] && _cictl_node "$trail $word"; then
            trail="$trail $word"
        else
            position=$((position + 1))
        fi
    done
    COMPREPLY=()
    if [[ -n $skip ]]; then
        _cictl_kind "$skip"
    elif [[ $current == --*=* ]]; then
        _cictl_kind "${current%%=*}"
        words[${#words[@]} - 1]="${current#*=}"
        current="${current#*=}"
    elif [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
        return
    elif [[ -n $commands ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$current"))
        return
    else
        local kinds=($arguments)
        kind="${kinds[position]:-$repeated}"
        kind="${kind#-}"
    fi
    [[ -z $kind ]] && return
    case "$kind" in
@WORDS@    *)
        compopt +o default 2>/dev/null
        # Behind a colon bash completes a word of its own.
        breaks="${COMP_WORDBREAKS//[!:=]/}"
        typed="$current"
        [[ -n $breaks ]] && typed="${current##*[$breaks]}"
        while IFS=$'\t' read -r name _; do
            [[ $name == "$current"* ]] || continue
            printf -v name %q "${name#"${current%"$typed"}"}"
            COMPREPLY+=("$name")
        done < <(command cictl __complete "$kind" "${words[@]}" 2>/dev/null)
        ;;
    esac
}
complete -o default -F _cictl cictl
"""

_ZSH = r"""# Copy it as _cictl into a directory of $fpath.
_cictl_node() {
    case "$1" in
@NODES@    *) return 1 ;;
    esac
}

_cictl_kind() {
    case "$1" in
@KINDS@    *) kind="" ;;
    esac
}

_cictl() {
    local word line valued repeated skip="" kind="" trail="cictl"
    local -i i position=1
    local -a commands options arguments names
    _cictl_node cictl
    for ((i = 2; i < CURRENT; i++)); do
        word="${words[i]}"
        if [[ -n $skip ]]; then
            skip=""
        elif [[ " $valued " == *" $word "* ]]; then
            skip="$word"
        elif [[ $word == -* ]]; then
            :
        elif ((${#commands})) && _cictl_node "$trail $word"; then
            trail="$trail $word"
        else
            position+=1
        fi
    done
    if [[ -n $skip ]]; then
        _cictl_kind "$skip"
    elif [[ $PREFIX == --*=* ]]; then
        _cictl_kind "${PREFIX%%=*}"
        compset -P '*='
    elif [[ $PREFIX == -* ]]; then
        _describe -o option options
        return
    elif ((${#commands})); then
        _describe command commands
        return
    else
        kind="${arguments[position]:-$repeated}"
        kind="${kind#-}"
    fi
    case "$kind" in
    "") _files ;;
@WORDS@    *)
        for line in "${(@f)$(command cictl __complete "$kind" "${(@)words[1,CURRENT-1]}" "$PREFIX" 2>/dev/null)}"; do
            [[ -n $line ]] && names+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        done
        ((${#names})) && _describe -V -t names "$kind" names
        ;;
    esac
}

if [[ "${funcstack[1]}" == "_cictl" ]]; then
    _cictl "$@"
else
    compdef _cictl cictl
fi
"""

_FISH = r"""# Copy it to ~/.config/fish/completions/cictl.fish
function __cictl_node
    switch $argv[1]
@NODES@        case '*'
            return 1
    end
end

function __cictl_kind
    switch $argv[1]
@KINDS@    end
end

function __cictl_offer
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l skip ''
    set -l kind ''
    set -l trail cictl
    set -l position 1
    __cictl_node cictl
    for word in $words[2..-1]
        if test -n "$skip"
            set skip ''
        else if contains -- $word $__cictl_valued
            set skip $word
        else if string match -q -- '-*' $word
        else if set -q __cictl_commands[1]; and __cictl_node "$trail $word"
            set trail "$trail $word"
        else
            set position (math $position + 1)
        end
    end
    if test -n "$skip"
        set kind (__cictl_kind $skip)
    else if string match -q -- '--*=*' $current
        set -l option (string split -m 1 = -- $current)
        set kind (__cictl_kind $option[1])
        __cictl_names "$kind" $words $option[2] | string replace -r -- '^' "$option[1]="
        return
    else if string match -q -- '-*' $current
        printf '%s\t%s\n' $__cictl_options
        return
    else if set -q __cictl_commands[1]
        printf '%s\t%s\n' $__cictl_commands
        return
    else if set -q __cictl_arguments[$position]
        set kind (string replace -r '^-' '' -- $__cictl_arguments[$position])
    else
        set kind $__cictl_repeated
    end
    if test -n "$kind"
        __cictl_names $kind $words $current
    else
        __fish_complete_path $current
    end
end

function __cictl_names
    switch $argv[1]
        case ''
@WORDS@        case '*'
            command cictl __complete $argv 2>/dev/null
    end
end

complete -c cictl -f -k -a '(__cictl_offer)'
"""

_POWERSHELL = r"""# Dot-source it from $PROFILE.
Register-ArgumentCompleter -Native -CommandName cictl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $nodes = @{
@NODES@    }
    $kinds = @{
@KINDS@    }
    $static = @{
@WORDS@    }
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString() })
    $trail = 'cictl'
    $skip = ''
    $position = 0
    foreach ($word in ($words | Select-Object -Skip 1)) {
        if ($skip) { $skip = '' }
        elseif ($nodes[$trail].valued -ccontains $word) { $skip = $word }
        elseif ($word.StartsWith('-')) { }
        elseif ($nodes.ContainsKey("$trail $word")) { $trail = "$trail $word" }
        else { $position++ }
    }
    $node = $nodes[$trail]
    $found = @()
    $kind = ''
    if ($skip) { $kind = $kinds[$skip] }
    elseif ($wordToComplete.StartsWith('-')) { $found = $node.options }
    elseif ($node.commands.Count) { $found = $node.commands }
    elseif ($position -lt $node.arguments.Count) { $kind = $node.arguments[$position] }
    else { $kind = $node.repeated }
    if ($kind -and $static.ContainsKey($kind)) {
        $found = @($static[$kind] | ForEach-Object { , @($_, $_) })
    } elseif ($kind) {
        $found = @(& cictl __complete $kind @words "$wordToComplete" 2>$null | ForEach-Object {
            $name, $text = $_ -split "`t", 2
            if (-not $text) { $text = $name }
            , @($name, $text)
        })
    }
    $found | Where-Object { $_[0].StartsWith($wordToComplete) } | ForEach-Object {
        $name = $_[0]
        if ($name -notmatch '^[\w./:+-]+$') { $name = "'" + $name.Replace("'", "''") + "'" }
        [System.Management.Automation.CompletionResult]::new($name, $_[0], 'ParameterValue', $_[1])
    }
}
"""


def bash(nodes: Sequence[Node]) -> str:
    """Return the script to source in bash."""
    cases = "".join(
        f'    "{node.path}")\n'
        f'        commands="{" ".join(name for name, _ in node.commands)}"\n'
        f'        options="{" ".join(word for word, _ in _options(node))}"\n'
        f'        valued="{" ".join(_valued(node))}"\n'
        f'        arguments="{" ".join(_kinds(node))}" repeated="{_repeated(node)}"\n'
        "        ;;\n"
        for node in nodes
    )
    kinds = "".join(f"    {'|'.join(words)}) kind={kind} ;;\n" for words, kind in _option_kinds(nodes))
    words = "".join(
        f'    {kind}) COMPREPLY=($(compgen -W "{" ".join(values)}" -- "$current")) ;;\n'
        for kind, values in WORDS.items()
    )
    return _filled(_BASH, nodes=cases, kinds=kinds, words=words)


def zsh(nodes: Sequence[Node]) -> str:
    """Return the function to put as `_cictl` into a directory of zsh's fpath."""
    cases = "".join(
        f'    "{node.path}")\n'
        f"        commands=({_described(node.commands)})\n"
        f"        options=({_described(_options(node))})\n"
        f'        valued="{" ".join(_valued(node))}"\n'
        f'        arguments=({" ".join(_kinds(node))}) repeated="{_repeated(node)}"\n'
        "        ;;\n"
        for node in nodes
    )
    kinds = "".join(f"    {'|'.join(words)}) kind={kind} ;;\n" for words, kind in _option_kinds(nodes))
    words = "".join(f"    {kind}) compadd -- {' '.join(values)} ;;\n" for kind, values in WORDS.items())
    return "#compdef cictl\n" + _filled(_ZSH, nodes=cases, kinds=kinds, words=words)


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
    return _filled(_FISH, nodes=cases, kinds=kinds, words=words)


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
    return _filled(_POWERSHELL, nodes=table, kinds=kinds, words=words)


SCRIPTS: dict[str, Callable[[Sequence[Node]], str]] = {"bash": bash, "zsh": zsh, "fish": fish, "ps1": powershell}
"""What writes the script, by the suffix of its file."""


def _filled(template: str, *, nodes: str, kinds: str, words: str) -> str:
    return _NOTE + template.replace("@NODES@", nodes).replace("@KINDS@", kinds).replace("@WORDS@", words)


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
