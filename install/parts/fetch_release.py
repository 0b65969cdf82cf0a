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
