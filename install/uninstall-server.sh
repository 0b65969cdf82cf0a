#!/bin/sh
# Made by `make docs` from install/parts/uninstall-server.sh and what that includes: change it there.
# Remove the cictl server that install-server.sh installed. `--help` tells the rest.
set -eu
PROGRAM=uninstall-server.sh
NAME=cictl

show_help() {
    cat <<'HELP'
Remove the cictl server that install-server.sh installed. Needs root.

Usage: sh uninstall-server.sh [--purge [--yes]]

  --purge  delete settings, data and the account too
  --yes    do not ask before that
  --help   this text

Without --purge it asks nothing, and keeps /etc/default/cictl, /var/lib/cictl and the account, so that the installer
can pick them up again. An agent on the same machine stays as it is.

Settings, from the environment: CICTL_SYSTEMCTL_PATH and CICTL_INSTALL_ROOT, as for the installer.
Exit codes: 0 done, 1 failed, 2 wrong usage.
HELP
}

say() { printf '%s\n' "$*"; }

die() { # EXIT-CODE MESSAGE HINT
    printf 'error: %s\ntry: %s\n' "$2" "$3" >&2
    exit "$1"
}

parse() {
    PURGE='' YES=''
    for argument in "$@"; do
        case $argument in
        --help | -h) show_help && exit 0 ;;
        --purge) PURGE=yes ;;
        --yes | -y) YES=yes ;;
        *) die 2 "unknown argument: $argument" "sh $PROGRAM --help" ;;
        esac
    done
    ROOT=${CICTL_INSTALL_ROOT:-}
    [ -n "$ROOT" ] || [ "$(id -u)" = 0 ] || die 1 "this needs root" "sudo sh $PROGRAM"
    SYSTEMCTL=${CICTL_SYSTEMCTL_PATH:-systemctl}
    HOME_DIR=$ROOT/opt/$NAME
    DATA=$ROOT/var/lib/$NAME
    SETTINGS=$ROOT/etc/default/$NAME
    UNITS=$ROOT/etc/systemd/system
}

confirm_purge() { # on a terminal a question, elsewhere only --yes will do
    [ -n "$PURGE" ] && [ -z "$YES" ] || return 0
    [ -t 0 ] && [ -t 2 ] || die 2 "--purge deletes $DATA for good, and nobody can be asked" "add --yes"
    printf 'Delete %s and %s for good? [y/N] ' "$DATA" "$SETTINGS" >&2
    read -r answer || answer=
    case $answer in y | Y | yes) ;; *) die 1 "nothing was changed" "without --purge data and settings stay" ;; esac
}

remove_units() { # UNIT...: in this order, so that what starts others goes first
    for unit in "$@"; do
        [ -f "$UNITS/$unit" ] || continue
        "$SYSTEMCTL" disable --now "$unit" >/dev/null 2>&1 || "$SYSTEMCTL" stop "$unit" || true
        rm -f "$UNITS/$unit"
    done
    "$SYSTEMCTL" daemon-reload
}

remove_program() { # the link only if it leads here
    program=$ROOT/usr/local/bin/cictl
    case $(readlink "$program" 2>/dev/null || true) in "$HOME_DIR"/*) rm -f "$program" ;; esac
    rm -rf "$HOME_DIR"
}

purge() {
    if [ -z "$PURGE" ]; then
        for place in "$SETTINGS" "$DATA"; do
            [ ! -e "$place" ] || say "kept $place"
        done
        return
    fi
    rm -rf "$DATA"
    rm -f "$SETTINGS" "$SETTINGS.bak"
    if [ -z "$ROOT" ] && id "$NAME" >/dev/null 2>&1; then
        userdel "$NAME" || die 1 "the account $NAME stays: programs of it run" "end them (ps -u $NAME), then: userdel $NAME"
    fi
    say "deleted $DATA and $SETTINGS"
}

main() {
    parse "$@"
    confirm_purge
    remove_units cictl-updater.path cictl-updater.service cictl.service
    remove_program
    purge
    say "the server is gone"
}

main "$@"
