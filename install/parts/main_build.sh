    TEMPORARY=$(mktemp -d)
    trap 'rm -rf "$TEMPORARY"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    fetch
    make_account
    make_folders
    take_lock
    build
    write_settings
    write_units
