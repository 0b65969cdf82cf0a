#!/bin/sh
# Remove the cictl agent that install-agent.sh installed. `--help` tells the rest.
set -eu
PROGRAM=uninstall-agent.sh
NAME=cictl-agent

show_help() {
    cat <<'HELP'
Remove the cictl agent that install-agent.sh installed. Needs root.

Usage: sh uninstall-agent.sh [--purge [--yes]]

  --purge  delete settings, data and the account too
  --yes    do not ask before that
  --help   this text

Without --purge it asks nothing, and keeps /etc/default/cictl-agent, /var/lib/cictl-agent and the account, so that the installer
can pick them up again. A server on the same machine stays as it is.

Settings, from the environment: CICTL_SYSTEMCTL_PATH and CICTL_INSTALL_ROOT, as for the installer.
Exit codes: 0 done, 1 failed, 2 wrong usage.
HELP
}

# include uninstaller.sh

main() {
    parse "$@"
    confirm_purge
    remove_units cictl-agent.service
    remove_program
    purge
    say "the agent is gone"
}

main "$@"
