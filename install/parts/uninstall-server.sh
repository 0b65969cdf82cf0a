#!/bin/sh
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

# include uninstaller.sh

main() {
    parse "$@"
    confirm_purge
    remove_units cictl-updater.path cictl-updater.service cictl.service
    remove_program
    purge
    say "the server is gone"
}

main "$@"
