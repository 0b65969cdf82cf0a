# Source it, or copy it to ~/.local/share/bash-completion/completions/cictl
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
