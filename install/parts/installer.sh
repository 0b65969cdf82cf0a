say() { printf '%s\n' "$*"; }
note() { printf 'note: %s\n' "$*" >&2; }

die() { # MESSAGE [HINT]
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'try: %s\n' "$2" >&2
    exit 1
}

wrong_usage() {
    printf 'error: %s\ntry: sh %s --help\n' "$1" "$PROGRAM" >&2
    exit 2
}

as_service() { # COMMAND...: run it as the service's account, without this shell's update.lock
    if [ -n "$HAS_ACCOUNT" ]; then
        runuser -u "$ACCOUNT" -- env HOME="$DATA" "$@" 9>&-
    else
        "$@" 9>&-
    fi
}

own() { # MODE OWNER:GROUP PATH...
    mode=$1 owner=$2
    shift 2
    chmod "$mode" "$@"
    [ -z "$HAS_ACCOUNT" ] || chown "$owner" "$@"
}

own_folder() { # MODE FOLDER NAME: a folder of the account's and one in it, where links are the account's and not root's
    mkdir -p "$2"
    own "$1" "$ACCOUNT:$ACCOUNT" "$2"
    as_service mkdir -p "$2/$3"
    as_service chmod "$1" "$2/$3"
}

control() { "$SYSTEMCTL" "$@" 9>&-; } # what it starts must not hold update.lock

setting() { # KEY: its value in the settings file, without quotes; empty when there is none
    [ -f "$SETTINGS" ] || return 0
    sed -n "s/^$1=//p" "$SETTINGS" | tail -n 1 | sed 's/^"\(.*\)"$/\1/; s/^'\''\(.*\)'\''$/\1/'
}

chosen() { # KEY DEFAULT: the environment's value, else its CIWI_ twin's, else the settings file's, else the default
    eval "value=\${CICTL_$1:-\${CIWI_$1:-}}"
    [ -n "$value" ] || value=$(setting "CICTL_$1")
    [ -n "$value" ] || value=$(setting "CIWI_$1")
    printf '%s' "${value:-$2}"
}

choose_root() { # the account, and whether there is one; everything is below $ROOT
    unset PYTHONPATH PYTHONHOME CICTL_CONTEXT XDG_CONFIG_HOME || true # what is the caller's and not the installation's
    ROOT=${CICTL_INSTALL_ROOT:-}
    HAS_ACCOUNT=
    if [ -z "$ROOT" ]; then
        [ "$(id -u)" = 0 ] || die "this needs root" "sudo sh $PROGRAM"
        HAS_ACCOUNT=yes
    fi
    SYSTEMCTL=${CICTL_SYSTEMCTL_PATH:-systemctl}
}

find_python() { # set PYTHON to an interpreter that is new enough, whatever of them comes first
    for candidate in "${CICTL_PYTHON:-}" /usr/bin/python3 python3.14 python3.13 python3.12 python3.11 python3; do
        command -v "${candidate:-not named}" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            PYTHON=$("$candidate" -c 'import sys; print(sys.executable)')
            return
        fi
        [ "$candidate" != "${CICTL_PYTHON:-}" ] || die "CICTL_PYTHON=$candidate is older than Python 3.11"
    done
    die "Python 3.11 or newer is needed" "apt install python3 python3-venv, or name one: CICTL_PYTHON=/path/to/python3"
}

check_machine() {
    case $HOME_DIR in *' '*) die "$HOME_DIR has a space: programs can't be installed there" ;; esac
    [ ${#HOME_DIR} -le 90 ] || die "$HOME_DIR is too long: scripts name their interpreter by its whole path"
    version=$("$SYSTEMCTL" --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    [ -n "$version" ] || die "systemd is needed" "elsewhere run \`cictl\` from pipx, uv or a container"
    [ "$version" -ge 240 ] || die "systemd 240 or newer is needed; this is $version"
    [ -n "$ROOT" ] || [ -d /run/systemd/system ] || die "systemd is installed and does not run this machine"
    command -v git >/dev/null 2>&1 || die "git is needed" "apt install git"
    find_python
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || die "$PYTHON has no venv module" "apt install python3-venv"
    mkdir -p "$HOME_DIR"
    free=$(df -Pk "$HOME_DIR" | sed -n '2p' | awk '{print $4}')
    [ "$free" -ge 307200 ] || die "$HOME_DIR has $((free / 1024)) MiB free; 300 MiB are needed"
    case ,$(findmnt -nro OPTIONS -T "$HOME_DIR" 2>/dev/null || true), in
    *,noexec,*) die "programs can't run in $HOME_DIR: it is mounted noexec" ;;
    esac
}

take_lock() { # nobody stages or switches versions meanwhile: the same lock as the program's own updates
    as_service touch "$HOME_DIR/update.lock"
    as_service chmod 600 "$HOME_DIR/update.lock"
    exec 9<"$HOME_DIR/update.lock"
    flock -n 9 || die "an update is under way" "wait until it is over: cictl update status"
}

make_account() {
    [ -n "$HAS_ACCOUNT" ] || return 0
    if ! id "$ACCOUNT" >/dev/null 2>&1; then
        useradd --system --user-group --home-dir "$DATA" --no-create-home --shell /usr/sbin/nologin "$ACCOUNT"
        say "made the account $ACCOUNT"
    fi
    as_service "$PYTHON" -c '' 2>/dev/null ||
        die "the account $ACCOUNT can't run $PYTHON" "name one that everybody can run: CICTL_PYTHON=/usr/bin/python3"
}

fetch() { # download one release into $TEMPORARY and verify it; sets TAG, WHEEL, SHA256
    cat >"$TEMPORARY/fetch.py" <<'PYTHON'
# include fetch_release.py
PYTHON
    found=$(
        GROWN=${GROWN:-} SOURCE=$(chosen UPDATE_SOURCE github) API_BASE=$(chosen UPDATE_API_BASE https://api.github.com) \
            REPOSITORY=$(chosen UPDATE_REPO '') TOKEN=$(chosen GITHUB_TOKEN '') \
            INDEX_URL=$(chosen UPDATE_INDEX_URL '') FIND_LINKS=$(chosen UPDATE_FIND_LINKS '') \
            PACKAGE=$(chosen UPDATE_PACKAGE cictl) CHECKSUM_ASSET=$(chosen UPDATE_CHECKSUM_ASSET cictl-checksums.txt) \
            REQUIRE_CHECKSUM=$(chosen UPDATE_REQUIRE_CHECKSUM true) PUBLIC_KEY=$(chosen UPDATE_PUBLIC_KEY '') \
            "$PYTHON" -I "$TEMPORARY/fetch.py" "$TEMPORARY" "$VERSION"
    ) || exit 1
    TAG=${found%% *} SHA256=${found##* } WHEEL=${found#* }
    WHEEL=${WHEEL%% *}
}

pip_install() ( # ARGUMENT...: nothing but what is passed here has a say in where packages come from
    index=$(chosen UPDATE_INDEX_URL '') links=$(chosen UPDATE_FIND_LINKS '')
    for name in $(env | sed -n 's/^\(PIP_[A-Z_]*\)=.*/\1/p'); do
        unset "$name"
    done
    case $index in
    '') ;;
    none) set -- --no-index "$@" ;;
    *) export PIP_INDEX_URL="$index" ;; # no option: everybody on the machine can read those, and there may be a login in it
    esac
    [ -z "$links" ] || set -- --find-links "$links" "$@"
    export PIP_CONFIG_FILE=/dev/null PYTHONDONTWRITEBYTECODE=
    as_service "$VERSIONS/$TAG/bin/python" -m pip install -q --no-input --no-cache-dir --disable-pip-version-check \
        --only-binary :all: "$@" >&2
)

build() { # one environment in its final place; its record is written last, so an interrupted one is built anew
    record=$VERSIONS/$TAG/.cictl-install.json
    if [ -f "$record" ] && [ ! -e "$VERSIONS/$TAG/.failed" ] && grep -q "$SHA256" "$record"; then
        say "$TAG is installed already"
        [ -z "${GROWN:-}" ] || as_service "$VERSIONS/$TAG/bin/python" -I -c 'import psycopg, obstore' 2>/dev/null ||
            pip_install --require-hashes -r "$TEMPORARY/requirements.txt"
        return
    fi
    [ "$(linked current)" != "$TAG" ] || [ ! -f "$record" ] || die "$TAG runs, and the release's files are others now"
    say "building $TAG in $VERSIONS/$TAG"
    as_service rm -rf "${VERSIONS:?}/$TAG"
    trap 'as_service rm -rf "$VERSIONS/$TAG"; rm -rf "$TEMPORARY"' EXIT
    chmod 755 "$TEMPORARY"
    as_service "$PYTHON" -m venv "$VERSIONS/$TAG"
    [ ! -f "$TEMPORARY/requirements.txt" ] || pip_install --require-hashes -r "$TEMPORARY/requirements.txt"
    printf 'file://%s --hash=sha256:%s\n' "$TEMPORARY/$WHEEL" "$SHA256" >"$TEMPORARY/wheel.txt"
    pip_install --require-hashes --no-deps -r "$TEMPORARY/wheel.txt"
    told=$(as_service "$VERSIONS/$TAG/bin/python" -m pip check --disable-pip-version-check 2>&1) || die "$TAG: $told"
    told=$(as_service "$VERSIONS/$TAG/bin/cictl" --version)
    same_version "${told##* }" || die "$TAG says that it is ${told##* }"
    printf '{"tag":"%s","wheel":"%s","sha256":"%s","python":"%s","created_utc":"%s"}\n' "$TAG" "$WHEEL" "$SHA256" \
        "$("$PYTHON" -c 'import platform; print(platform.python_version())')" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" |
        as_service tee "$record" >/dev/null
    as_service chmod 600 "$record"
    trap 'rm -rf "$TEMPORARY"' EXIT
}

same_version() { # whether VERSION is the tag's, in either form
    plain=$(printf '%s' "${TAG#v}" | sed 's/-alpha\./a/; s/-beta\./b/; s/-rc\./rc/')
    [ "${1#v}" = "$plain" ] || [ "${1#v}" = "${TAG#v}" ]
}

linked() { # NAME: the tag that a link leads to; empty for none
    [ ! -L "$HOME_DIR/$1" ] || basename "$(readlink "$HOME_DIR/$1")"
}

point() { # NAME TAG: replace a link in one step; `ln -sfn` would leave a moment without one
    as_service ln -sfn "versions/$2" "$HOME_DIR/.$1.new"
    as_service mv -fT "$HOME_DIR/.$1.new" "$HOME_DIR/$1"
}

add_setting() { # KEY VALUE: never change a line that is there
    [ -n "$2" ] || return 0
    [ -z "$(setting "$1")" ] || return 0
    printf '%s="%s"\n' "$1" "$2" >>"$NEW_SETTINGS"
}

write_settings() { # keep what is there, add what is missing; secrets may be in it, so others can't read it
    mkdir -p "$(dirname "$SETTINGS")"
    NEW_SETTINGS=$SETTINGS.new
    (umask 077 && : >"$NEW_SETTINGS")
    [ ! -f "$SETTINGS" ] || cat "$SETTINGS" >"$NEW_SETTINGS"
    own_settings
    for key in UPDATE_SOURCE UPDATE_API_BASE UPDATE_REPO UPDATE_INDEX_URL UPDATE_FIND_LINKS UPDATE_PACKAGE \
        UPDATE_CHECKSUM_ASSET UPDATE_REQUIRE_CHECKSUM UPDATE_PUBLIC_KEY GITHUB_TOKEN; do
        add_setting "CICTL_$key" "$(chosen "$key" '')"
    done
    own "$SETTINGS_MODE" "root:$ACCOUNT" "$NEW_SETTINGS"
    if [ -f "$SETTINGS" ] && ! cmp -s "$SETTINGS" "$NEW_SETTINGS"; then
        cp -p "$SETTINGS" "$SETTINGS.bak"
        own "$SETTINGS_MODE" "root:$ACCOUNT" "$SETTINGS.bak"
    fi
    mv -f "$NEW_SETTINGS" "$SETTINGS"
}

write_unit() { # NAME: the unit comes on standard input; what was there is kept for a way back
    mkdir -p "$UNITS"
    [ ! -f "$UNITS/$1" ] || cp -p "$UNITS/$1" "$TEMPORARY/$1"
    sed "s|@HOME@|$HOME_DIR|g; s|@DATA@|$DATA|g; s|@SETTINGS@|$SETTINGS|g" >"$UNITS/$1.new"
    own 644 root:root "$UNITS/$1.new"
    mv -f "$UNITS/$1.new" "$UNITS/$1"
}

restore_units() { # NAME...
    for unit in "$@"; do
        [ ! -f "$TEMPORARY/$unit" ] || cp -p "$TEMPORARY/$unit" "$UNITS/$unit"
    done
    control daemon-reload
}

switch() { # let TAG be what the service starts, and keep the way back
    BEFORE=$(linked current) PREVIOUS=$(linked previous)
    [ -z "$BEFORE" ] || [ "$BEFORE" = "$TAG" ] || point previous "$BEFORE"
    point current "$TAG"
}

start() { # UNIT: a running one has to let go of the former program
    control enable "$1" >/dev/null 2>&1 || die "cannot enable $1"
    control restart "$1" || true
}

give_up() { # UNIT REASON: show why, go back to the version that worked, and fail
    printf 'error: %s\n' "$2" >&2
    journalctl -u "$1" -n 40 --no-pager >&2 || true
    if [ -n "$BEFORE" ] && [ "$BEFORE" != "$TAG" ]; then
        as_service touch "$VERSIONS/$TAG/.failed"
        restore_units "$1"
        control stop "$1" || true
        point current "$BEFORE"
        if [ -n "$PREVIOUS" ]; then point previous "$PREVIOUS"; else as_service rm -f "$HOME_DIR/previous"; fi
        restore_data
        control start "$1" || true
        note "went back to $BEFORE and started it again"
    else
        printf 'try: journalctl -u %s; when the cause is mended, run this script again\n' "$1" >&2
    fi
    exit 1
}
