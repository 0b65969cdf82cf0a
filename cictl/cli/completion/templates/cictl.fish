# Copy it to ~/.config/fish/completions/cictl.fish
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
