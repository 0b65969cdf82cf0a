#!/bin/sh
# Install a cictl agent as a systemd service, or upgrade it: run the script again. `--help` tells the rest.
set -eu
umask 022
PROGRAM=install-agent.sh

show_help() {
    cat <<'HELP'
Install a cictl agent as a systemd service, or upgrade it to the newest version. Needs root; asks nothing.

Usage: CICTL_SERVER_URL=http://ci.example.com:8112 sh install-agent.sh [--version vX.Y.Z] [--yes]

# include help_options.txt

What it makes: the account cictl-agent, as which jobs run; versions in /opt/cictl-agent; the work directory
/var/lib/cictl-agent/work; settings in /etc/default/cictl-agent, which an upgrade completes and never changes; the unit
cictl-agent.service. No program is put into everybody's path, because jobs could replace it. It shares no file with a
server on the same machine. An upgrade that does not reach the server is taken back.

Settings, from the environment; all but the last four are kept in /etc/default/cictl-agent:
  CICTL_SERVER_URL                 the server; without it, one that answers on http://127.0.0.1:8112
  CICTL_AGENT_ID                   the agent's name (agent-<short host name>)
  CICTL_AGENT_SLOTS                how many jobs it runs at once (1)
  CICTL_TOKEN                      the agent's token
  CICTL_ENROLL_TOKEN_FILE          a file with an enrolment token, which the account cictl-agent can read
  CICTL_AGENT_LABELS               what it offers to the runs_on of jobs (gpu=a100,zone=eu)
# include help_sources.txt
  CICTL_UPDATE_HEALTH_TIMEOUT      seconds for the agent to reach the server (60)
# include help_machine.txt
HELP
}

# include installer.sh

choose_places() {
    ACCOUNT=cictl-agent
    HOME_DIR=$ROOT/opt/cictl-agent
    DATA=$ROOT/var/lib/cictl-agent
    SETTINGS=$ROOT/etc/default/cictl-agent
    SETTINGS_MODE=640
    UNITS=$ROOT/etc/systemd/system
    VERSIONS=$HOME_DIR/versions
    ID=$(setting CICTL_AGENT_ID) URL=$(setting CICTL_SERVER_URL)
    host=$(uname -n)
    ID=${ID:-${CICTL_AGENT_ID:-${CIWI_AGENT_ID:-agent-${host%%.*}}}}
    URL=${URL:-${CICTL_SERVER_URL:-${CIWI_SERVER_URL:-}}}
}

find_server() {
    [ -z "$URL" ] || return 0
    URL=http://127.0.0.1:8112
    "$PYTHON" -I - "$URL" <<'PYTHON' || die "no server is known" "name it: CICTL_SERVER_URL=http://ci.example.com:8112 sh $PROGRAM"
import json, sys, urllib.request

try:
    with urllib.request.urlopen(sys.argv[1] + "/api/v1/server-info", timeout=2) as answer:
        sys.exit(json.load(answer).get("name") not in ("cictl", "ciwi"))
except (OSError, ValueError):
    sys.exit(1)
PYTHON
    say "found a server on $URL"
}

make_folders() {
    own_folder 755 "$HOME_DIR" versions
    own_folder 750 "$DATA" work
}

restore_data() { :; } # an agent's work directory serves any version

own_settings() {
    add_setting CICTL_SERVER_URL "$URL"
    add_setting CICTL_AGENT_ID "$ID"
    add_setting CICTL_AGENT_WORKDIR "$DATA/work"
    add_setting CICTL_AGENT_SLOTS "${CICTL_AGENT_SLOTS:-${CIWI_AGENT_SLOTS:-}}"
    add_setting CICTL_AGENT_LABELS "${CICTL_AGENT_LABELS:-${CIWI_AGENT_LABELS:-}}"
    add_setting CICTL_CONTAINER 0 # a container that has systemd is kept up to date like a machine
    add_setting CICTL_HOME "$HOME_DIR"
    add_setting CICTL_TOKEN "${CICTL_TOKEN:-${CIWI_TOKEN:-}}"
    add_setting CICTL_ENROLL_TOKEN_FILE "${CICTL_ENROLL_TOKEN_FILE:-}"
    add_setting CICTL_UPDATE_HEALTH_TIMEOUT "${CICTL_UPDATE_HEALTH_TIMEOUT:-}"
}

write_units() {
    write_unit cictl-agent.service <<'UNIT'
# include ../systemd/cictl-agent.service
UNIT
    control daemon-reload
}

works_with_token() { # it runs, and the server takes it for an agent: a server that wants tokens tells agents nothing else
    kept=$DATA/work/agent.token
    [ -n "$token" ] || [ -f "$kept" ] || return 1
    [ -n "$token" ] && kept=
    role=$(CICTL_SERVER_URL=$URL CICTL_TOKEN=$token CICTL_TOKEN_FILE=$kept as_service "$HOME_DIR/current/bin/cictl" \
        whoami --query role -o name 2>/dev/null) || return 1
    [ "$role" = agent ] && control is-active cictl-agent.service >/dev/null
}

verify() { # the server knows it, in the version that was installed
    seconds=$(chosen UPDATE_HEALTH_TIMEOUT 60)
    token=$(setting CICTL_TOKEN)
    tried=0 version=
    until same_version "$version"; do
        [ "$tried" -lt "$seconds" ] ||
            give_up cictl-agent.service "$URL does not know the agent $ID in version $TAG after $seconds seconds"
        tried=$((tried + 1))
        sleep 1
        version=$(CICTL_SERVER_URL=$URL CICTL_TOKEN=$token as_service "$HOME_DIR/current/bin/cictl" \
            agents show "$ID" --query agent.version -o name 2>/dev/null) || version=
        [ -n "$version" ] || ! works_with_token || version=$TAG
    done
    point updater "$TAG"
}

main() {
# include main_arguments.sh
    choose_root
    choose_places
    check_machine
    find_server
# include main_build.sh
    switch
    point updater "${BEFORE:-$TAG}"
    start cictl-agent.service
    verify
    say "agent $ID, cictl $TAG, works for $URL; settings in $SETTINGS, work in $DATA"
}

main "$@"
