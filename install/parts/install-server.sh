#!/bin/sh
# Install the cictl server as a systemd service, or upgrade it: run the script again. `--help` tells the rest.
set -eu
umask 022
PROGRAM=install-server.sh

show_help() {
    cat <<'HELP'
Install the cictl server as a systemd service, or upgrade it to the newest version. Needs root; asks nothing.

Usage: sh install-server.sh [--version vX.Y.Z] [--yes]

# include help_options.txt

What it makes: the account cictl; versions in /opt/cictl; data in /var/lib/cictl; settings in /etc/default/cictl, which
an upgrade completes and never changes; the units cictl.service, cictl-updater.path and cictl-updater.service; the link
/usr/local/bin/cictl. An upgrade that does not become healthy is taken back.

Settings, from the environment; all but the last four are kept in /etc/default/cictl for later updates:
  CICTL_HOST, CICTL_PORT           where the server listens (127.0.0.1, 8112)
  CICTL_STORE                      postgresql://…: keep the records in this database (the data folder)
  CICTL_FILES                      a folder or s3://bucket/prefix for artifacts and reports, with AWS_* (the data folder)
# include help_sources.txt
  CICTL_UPDATE_HEALTH_TIMEOUT      seconds for the server to become healthy (60)
# include help_machine.txt
HELP
}

# include installer.sh

choose_places() {
    ACCOUNT=cictl
    HOME_DIR=$ROOT/opt/cictl
    DATA=$ROOT/var/lib/cictl
    SETTINGS=$ROOT/etc/default/cictl
    SETTINGS_MODE=600 # systemd reads it, and the address of a database may hold a password
    UNITS=$ROOT/etc/systemd/system
    VERSIONS=$HOME_DIR/versions
    HOST=$(setting CICTL_HOST) PORT=$(setting CICTL_PORT)
    STORE=$(chosen STORE '') FILES=$(chosen FILES '')
    GROWN=
    [ -z "$STORE" ] || GROWN=yes
    case $FILES in *://*) GROWN=yes ;; esac
    HOST=${HOST:-${CICTL_HOST:-127.0.0.1}} PORT=${PORT:-${CICTL_PORT:-8112}}
}

check_port() { # a port that our own running service has is ours
    if "$SYSTEMCTL" is-active --quiet cictl.service; then
        return
    fi
    hint="stop what listens there, or choose another: CICTL_PORT=9112"
    [ -z "$(setting CICTL_PORT)" ] || hint="stop what listens there, or choose another as CICTL_PORT in $SETTINGS"
    "$PYTHON" -I - "$HOST" "$PORT" <<'PYTHON' || die "port $PORT of $HOST is busy" "$hint"
import socket, sys

host, port = sys.argv[1].strip("[]"), int(sys.argv[2])
with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, port))
    except OSError:
        sys.exit(1)
PYTHON
}

make_folders() {
    own_folder 755 "$HOME_DIR" versions
    own_folder 700 "$DATA" updates
}

keep_data() { # for `restore_data`: the state before the new version writes; the journal first, as the server goes on
    KEPT=$DATA/updates/before-upgrade
    [ -n "$BEFORE" ] && [ "$BEFORE" != "$TAG" ] || return 0
    as_service rm -rf "$KEPT"
    as_service mkdir -m 700 "$KEPT"
    for name in state.journal state.json; do
        [ ! -f "$DATA/$name" ] || as_service cp "$DATA/$name" "$KEPT" || die "$DATA/$name can't be copied"
    done
}

restore_data() { # what the new version wrote stays, unless the former one can't read it
    told=$(as_service "$VERSIONS/$BEFORE/bin/cictl" store export --data-dir "$DATA" 2>&1 >/dev/null) || true
    case $told in
    *"knows schemas up to"*)
        for name in state.journal state.json; do
            as_service rm -f "$DATA/$name"
            [ ! -f "$KEPT/$name" ] || as_service cp "$KEPT/$name" "$DATA"
        done
        note "$BEFORE can't read what $TAG wrote; the data is as it was before the upgrade"
        ;;
    esac
    as_service rm -rf "$KEPT"
}

link_program() { # put cictl into everybody's path, unless something else has that name
    program=$ROOT/usr/local/bin/cictl
    mkdir -p "$ROOT/usr/local/bin"
    if [ ! -e "$program" ]; then
        ln -sf "$HOME_DIR/current/bin/cictl" "$program"
    elif [ "$(readlink "$program")" != "$HOME_DIR/current/bin/cictl" ]; then
        note "$program is there and not ours; it stays"
    fi
}

own_settings() {
    add_setting CICTL_HOST "$HOST"
    add_setting CICTL_PORT "$PORT"
    add_setting CICTL_DATA_DIR "$DATA"
    add_setting CICTL_STORE "$STORE"
    add_setting CICTL_FILES "$FILES"
    for name in AWS_ENDPOINT_URL AWS_REGION AWS_ALLOW_HTTP AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; do
        case $FILES in *://*) eval "add_setting $name \"\${$name:-}\"" ;; esac
    done
    add_setting CICTL_HOME "$HOME_DIR"
    add_setting CICTL_UPDATER_UNIT cictl-updater.service
    add_setting CICTL_CONTAINER 0 # a container that has systemd is kept up to date like a machine
    add_setting CICTL_UPDATE_HEALTH_TIMEOUT "${CICTL_UPDATE_HEALTH_TIMEOUT:-}"
    grep -q CICTL_PUBLIC_URL "$NEW_SETTINGS" || cat >>"$NEW_SETTINGS" <<'NAMES'
# Behind a proxy the address that browsers show, and other names under which the server is asked, separated by blanks.
#CICTL_PUBLIC_URL="https://ci.example.com"
#CICTL_ALLOWED_HOSTS="ci.lan"
NAMES
    grep -q CICTL_VAULT_ "$NEW_SETTINGS" || cat >>"$NEW_SETTINGS" <<'VAULT'
# Secrets of jobs from Vault or OpenBao: the secret id, in a variable that `cictl vault add --secret-id-env` names,
# and the addresses that it may go to, separated by blanks. Then: systemctl restart cictl
#CICTL_VAULT_MAIN="..."
#CICTL_VAULT_URLS="https://vault.example.com"
VAULT
}

write_units() {
    write_unit cictl.service <<'UNIT'
# include ../systemd/cictl.service
UNIT
    write_unit cictl-updater.path <<'UNIT'
# include ../systemd/cictl-updater.path
UNIT
    write_unit cictl-updater.service <<'UNIT'
# include ../systemd/cictl-updater.service
UNIT
    control daemon-reload
}

verify() { # healthy, and the version that was installed
    seconds=$(chosen UPDATE_HEALTH_TIMEOUT 60)
    case $HOST in 0.0.0.0) host=127.0.0.1 ;; :: | '[::]') host='[::1]' ;; *) host=$HOST ;; esac
    URL=http://$host:$PORT
    cictl=$HOME_DIR/current/bin/cictl
    health=$(as_service "$cictl" healthcheck --wait --timeout "$seconds" --server "$URL" 2>&1) ||
        give_up cictl.service "the server is not healthy after $seconds seconds: $health"
    version=$(as_service "$HOME_DIR/current/bin/python" -I -m cictl.installation.health "$URL" "$DATA/updates" 2>/dev/null) || version=
    [ -n "$version" ] || # a version from before tokens, which tells everybody
        version=$(as_service "$cictl" info --server "$URL" --query server_info.version -o name | tr -d '"')
    same_version "$version" || give_up cictl.service "$URL answers as version $version, not $TAG"
    point updater "$TAG"
    say "$health"
}

main() {
# include main_arguments.sh
    choose_root
    choose_places
    check_machine
    check_port
# include main_build.sh
    BEFORE=$(linked current)
    keep_data
    switch
    point updater "${BEFORE:-$TAG}"
    start cictl.service
    verify
    as_service rm -rf "$KEPT"
    control enable cictl-updater.path >/dev/null 2>&1 || die "cannot enable cictl-updater.path"
    exec 9>&-
    control restart cictl-updater.path
    link_program
    say "cictl $TAG serves $URL; settings in $SETTINGS, data in $DATA"
}

main "$@"
