#!/bin/sh
# Made by `make docs` from install/parts/install-server.sh and what that includes: change it there.
# Install the cictl server as a systemd service, or upgrade it: run the script again. `--help` tells the rest.
set -eu
umask 022
PROGRAM=install-server.sh

show_help() {
    cat <<'HELP'
Install the cictl server as a systemd service, or upgrade it to the newest version. Needs root; asks nothing.

Usage: sh install-server.sh [--version vX.Y.Z] [--yes]

  --version vX.Y.Z  this version instead of the newest
  --yes             accepted for symmetry with the uninstaller; nothing is asked
  --help            this text

What it makes: the account cictl; versions in /opt/cictl; data in /var/lib/cictl; settings in /etc/default/cictl, which
an upgrade completes and never changes; the units cictl.service, cictl-updater.path and cictl-updater.service; the link
/usr/local/bin/cictl. An upgrade that does not become healthy is taken back.

Settings, from the environment; all but the last four are kept in /etc/default/cictl for later updates:
  CICTL_HOST, CICTL_PORT           where the server listens (127.0.0.1, 8112)
  CICTL_STORE                      postgresql://…: keep the records in this database (the data folder)
  CICTL_FILES                      a folder or s3://bucket/prefix for artifacts and reports, with AWS_* (the data folder)
  CICTL_UPDATE_SOURCE              github, or simple for an index of packages
  CICTL_UPDATE_API_BASE            a GitHub-compatible API (https://api.github.com)
  CICTL_UPDATE_REPO                owner/name of the releases' repository; needed for github
  CICTL_GITHUB_TOKEN               for that API alone
  CICTL_UPDATE_INDEX_URL           index of packages; none for no index
  CICTL_UPDATE_FIND_LINKS          a folder of wheels
  CICTL_UPDATE_PACKAGE             name in the index (cictl)
  CICTL_UPDATE_CHECKSUM_ASSET      the release's list of SHA-256 sums (cictl-checksums.txt)
  CICTL_UPDATE_REQUIRE_CHECKSUM    false accepts a release without one
  CICTL_UPDATE_PUBLIC_KEY          the Ed25519 key that must have signed the release
  CICTL_UPDATE_HEALTH_TIMEOUT      seconds for the server to become healthy (60)
  CICTL_PYTHON                     the interpreter to build with
  CICTL_SYSTEMCTL_PATH             the systemctl to use
  CICTL_INSTALL_ROOT               install below this folder instead of /, and without an account

Exit codes: 0 done, 1 failed, 2 wrong usage.
HELP
}

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
"""Download one release and verify it; print tag, wheel and SHA-256. The token goes to the API's host and no other."""
import base64, email, hashlib, html.parser, io, json, os, re, signal, subprocess, sys, time, urllib.error, urllib.parse
import urllib.request, zipfile

into, wanted = sys.argv[1:]
get = os.environ.get
source, base = get("SOURCE"), get("API_BASE").rstrip("/")
FORM = re.compile(r"v(\d+\.\d+\.\d+)(?:-(alpha|beta|rc)\.(\d+))?")


def fail(text):
    sys.exit(f"error: {text}")


def package_version(tag):
    found = FORM.fullmatch(tag) or fail(f"{tag} is no version such as v1.2.3 or v1.2.3-rc.1")
    return found[1] + ({"alpha": "a", "beta": "b", "rc": "rc"}[found[2]] + found[3] if found[2] else "")


def too_slow(*_):
    fail("the release server is too slow: no whole answer in three minutes")


signal.signal(signal.SIGALRM, too_slow)


def of_web(url):
    return urllib.parse.urlsplit(url).scheme in ("http", "https")


def download(url, accept, limit):
    signal.alarm(180)  # for the whole of it: the time limit of a socket begins anew with each byte
    try:
        return patiently(url, accept, limit)
    finally:
        signal.alarm(0)


def patiently(url, accept, limit):
    request = urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "cictl-installer"})
    if get("TOKEN") and urllib.parse.urlsplit(url)[:2] == urllib.parse.urlsplit(base)[:2]:
        request.add_unredirected_header("Authorization", "Bearer " + get("TOKEN"))
    for pause in (1, 2, None):
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # nosec B310 # of_web, or the folder that was named
                body = answer.read(limit + 1)
            return body if len(body) <= limit else fail(f"{url} is larger than {limit >> 20} MiB")
        except urllib.error.HTTPError as error:
            if pause is None or error.code != 429 and error.code < 500:
                fail(f"{url} answers {error.code}")
        except OSError as error:
            if pause is None:
                fail(f"cannot reach {url}: {getattr(error, 'reason', error)}")
        time.sleep(pause)


def from_github():
    """Return the tag and every file of the release as name and function that loads it."""
    if not get("REPOSITORY"):
        fail("no releases are configured: set CICTL_UPDATE_REPO to owner/name, or CICTL_UPDATE_SOURCE=simple")
    place = f"tags/{urllib.parse.quote(wanted, safe='')}" if wanted else "latest"
    url = f"{base}/repos/{get('REPOSITORY')}/releases/{place}"
    release = json.loads(download(url, "application/vnd.github+json", 2 << 20))
    return release["tag_name"], {
        asset["name"]: lambda url=asset["url"]: download(url, "application/octet-stream", 100 << 20)
        for asset in release["assets"]
        if of_web(asset["url"])
    }


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "a" and "data-yanked" not in attributes and attributes.get("href"):
            self.found.append(attributes["href"])


def from_index():
    """The same of an index or a folder: each wheel is a release of its own, without a list of dependencies."""
    links, folder = Links(), get("FIND_LINKS")
    if get("INDEX_URL") != "none":
        root = f"{(get('INDEX_URL') or 'https://pypi.org/simple').rstrip('/')}/{get('PACKAGE')}/"
        links.feed(download(root, "text/html", 2 << 20).decode())
        links.found = list(filter(of_web, (urllib.parse.urljoin(root, link) for link in links.found)))
    if folder and os.path.isdir(folder):
        links.found += ["file://" + os.path.abspath(os.path.join(folder, name)) for name in os.listdir(folder)]
    form = re.compile(r"/cictl-(\d+\.\d+\.\d+)(?:(a|b|rc)(\d+))?-py3-none-any\.whl(?:#sha256=([0-9a-f]{64}))?$")
    wheels = {}
    for link in links.found:
        found = form.search(link)
        if found:
            pre = f"-{dict(a='alpha', b='beta', rc='rc')[found[2]]}.{found[3]}" if found[2] else ""
            wheels[f"v{found[1]}{pre}"] = (tuple(map(int, found[1].split("."))), link.partition("#")[0], found[4])
    stable = sorted((key, tag) for tag, (key, _, _) in wheels.items() if "-" not in tag)
    tag = wanted or (stable[-1][1] if stable else fail(f"no release of {get('PACKAGE')} is there"))
    _, url, digest = wheels.get(tag) or fail(f"{tag} is not there")
    name = url.rpartition("/")[2]
    files = {name: lambda: download(url, "*/*", 100 << 20)}
    return tag, files | ({"cictl-checksums.txt": lambda: f"{digest} {name}".encode()} if digest else {})


def write(name, body):
    with open(os.path.join(into, name), "wb") as out:
        out.write(body)


def pinned_in(body):
    """Return the list of dependencies with their hashes that a wheel holds; None if it has no dependencies."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        names = archive.namelist()
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        needed = email.message_from_bytes(archive.read(metadata)).get_all("Requires-Dist") or []
        if all("extra ==" in one for one in needed):
            return None
        if PINNED not in names:
            fail(f"{wheel} has no list of its dependencies with their hashes ({PINNED}), and the release has none")
        return archive.read(GROWN if get("GROWN") and GROWN in names else PINNED)


def of_base64(text):
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except ValueError:
        return b""


def check_signature(text):
    """Check the signature of the list of checksums. Python has no Ed25519 of its own, so openssl does it."""
    name = f"{listed}.sig"
    if name not in files:
        fail(f'release {tag} is not signed, and CICTL_UPDATE_PUBLIC_KEY is set (expected "{name}")')
    signature, key = files[name](), get("PUBLIC_KEY")
    if len(signature) != 64:
        signature = of_base64(signature)
    if not os.path.exists(key):
        raw = of_base64(key.encode())
        if len(raw) != 32:
            fail("CICTL_UPDATE_PUBLIC_KEY is no Ed25519 public key: name a PEM file, or write the key's 32 bytes in base64")
        der = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + raw).decode()
        key = os.path.join(into, "release.pub")
        write("release.pub", f"-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n".encode())
    write("checksums", text)
    write("checksums.sig", signature)
    files_of = ["-in", os.path.join(into, "checksums"), "-sigfile", os.path.join(into, "checksums.sig")]
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key, *files_of]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    except FileNotFoundError:
        fail("CICTL_UPDATE_PUBLIC_KEY is set, and openssl is not there to check the signature: apt install openssl")
    if done.returncode:
        fail(f"signature verification failed: {name} is not by the key of CICTL_UPDATE_PUBLIC_KEY, or {listed} was changed")


PINNED = "cictl/installation/requirements.txt"
GROWN = "cictl/installation/requirements-grown.txt"
if get("PUBLIC_KEY") and source != "github":
    fail("CICTL_UPDATE_PUBLIC_KEY is set, and an index of packages has no signatures: use CICTL_UPDATE_SOURCE=github")
tag, files = {"github": from_github, "simple": from_index}[source]()
version = package_version(tag)
if wanted and tag != wanted:
    fail(f"asked for {wanted} and got {tag}")
wheel, lock = f"cictl-{version}-py3-none-any.whl", f"cictl-{version}-requirements.txt"
if wheel not in files:
    fail(f'release {tag} has no compatible asset "{wheel}"')
listed = next((name for name in (get("CHECKSUM_ASSET"), "checksums.txt") if name in files), None)
if listed is None and get("REQUIRE_CHECKSUM") != "false":
    fail(f'release {tag} has no checksum asset (expected "{get("CHECKSUM_ASSET")}")')
text = files[listed]() if listed else b""
if get("PUBLIC_KEY"):
    check_signature(text)
rows = [line.split() for line in text.decode().splitlines()]
sums = {row[-1].lstrip("*"): row[0].lower() for row in rows if len(row) > 1 and not row[0].startswith("#")}
for name in filter(files.__contains__, (lock, wheel)):
    body = files[name]()
    found = hashlib.sha256(body).hexdigest()
    if sums.get(name) != found and listed:
        due = f"expected {sums[name]}" if name in sums else f"and {listed} does not list it"
        fail(f"checksum verification failed: {name} has {found}, {due}")
    write("requirements.txt" if name == lock else name, body)
pinned = None if lock in files else pinned_in(body)
if pinned:
    write("requirements.txt", pinned)
print(tag, wheel, found)
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
[Unit]
Description=cictl server
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=simple
User=cictl
Group=cictl
EnvironmentFile=-@SETTINGS@
ExecStart=@HOME@/current/bin/cictl serve $CICTL_SERVE_OPTIONS
WorkingDirectory=@DATA@
Restart=always
RestartSec=2
KillMode=mixed
TimeoutStopSec=30
RuntimeDirectory=cictl
UMask=0027
# It writes its data and, when it updates itself, its versions; it needs no rights that its account has not.
ReadWritePaths=@DATA@ @HOME@
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
UNIT
    write_unit cictl-updater.path <<'UNIT'
[Unit]
Description=Watch for staged versions of the cictl server

[Path]
PathExists=@DATA@/updates/pending.json
PathExists=@DATA@/updates/applying.json

[Install]
WantedBy=multi-user.target
UNIT
    write_unit cictl-updater.service <<'UNIT'
[Unit]
Description=Switch the cictl server to a staged version
StartLimitIntervalSec=0

[Service]
Type=oneshot
User=cictl
Group=cictl
EnvironmentFile=-@SETTINGS@
# Never the version that is being tried.
ExecStart=@HOME@/updater/bin/cictl apply-staged-update
WorkingDirectory=@DATA@
TimeoutStartSec=300
UMask=0027
ReadWritePaths=@DATA@ @HOME@
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
NoNewPrivileges=yes
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
    VERSION=
    while [ $# -gt 0 ]; do
        case $1 in
        --help | -h) show_help && exit 0 ;;
        --version)
            [ $# -gt 1 ] || wrong_usage "--version needs a version such as v1.2.3"
            VERSION=$2
            shift
            ;;
        --version=*) VERSION=${1#--version=} ;;
        --yes | -y) ;;
        *) wrong_usage "unknown argument: $1" ;;
        esac
        shift
    done
    choose_root
    choose_places
    check_machine
    check_port
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
