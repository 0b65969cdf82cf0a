# Copy it as _cictl into a directory of $fpath.
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
