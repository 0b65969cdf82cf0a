"""Wheels that tests build themselves, without a network: stubs of cictl, cictl itself, and what it depends on."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from cictl.installation.layout import InstallRecord, Layout
from cictl_testing.installs import stub_program

SOURCE = Path(__file__).parents[4]
"""The checkout that the tests run in."""

FLAVOURS = (
    "good",
    "crashes",  # at the start of the server, although it checks itself well
    "wrong-version",  # serves, but the server tells another version
    "tells-another-version",  # when it checks itself
    "refuses-data",  # when it checks itself
    "reaches-no-database",  # likewise, if it is told of one
    "migrates",  # raises the data's schema number, and ends
)

_PACKAGES = ("cictl", "server/cictl_server", "client/cictl_client", "client/cictl_agent")
_LEFT_OUT = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")


def package_version(tag: str) -> str:
    """Return the form of a tag that packages have: `1.2.3rc1` for `v1.2.3-rc.1`."""
    short = {"alpha": "a", "beta": "b", "rc": "rc"}
    return re.sub(r"-(alpha|beta|rc)\.(\d+)", lambda m: short[m[1]] + m[2], tag.removeprefix("v"))


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build_wheel(
    directory: Path,
    name: str,
    version: str,
    files: Mapping[str, bytes],
    *,
    requires: Iterable[str] = (),
    requires_python: str = ">=3.11",
    scripts: Mapping[str, str] | None = None,
) -> Path:
    """Write a wheel of pure Python.

    Args:
        files: Content by path.
        scripts: `module:function` by the name of the program.
    """
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        f"Requires-Python: {requires_python}",
        *(f"Requires-Dist: {one}" for one in requires),
    ]
    info = f"{_file_name(name)}-{version}.dist-info"
    contents = {
        **files,
        f"{info}/METADATA": "\n".join([*metadata, ""]).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if scripts:
        lines = ["[console_scripts]", *(f"{program} = {where}" for program, where in scripts.items()), ""]
        contents[f"{info}/entry_points.txt"] = "\n".join(lines).encode()
    return _write(directory / f"{_file_name(name)}-{version}-py3-none-any.whl", contents, info)


def stub_wheel(directory: Path, tag: str, flavour: str = "good", *, requires: Iterable[str] = ()) -> Path:
    """Write a wheel of a stub that passes for the version *tag*."""
    files = {"cictl_stub.py": stub_source(tag, flavour).encode()}
    return build_wheel(
        directory, "cictl", package_version(tag), files, requires=requires, scripts={"cictl": "cictl_stub:main"}
    )


def stub_source(tag: str, flavour: str) -> str:
    assert flavour in FLAVOURS
    source = Path(stub_program.__file__).read_text(encoding="utf-8")
    source = source.replace('VERSION = "v0.0.0"', f"VERSION = {tag!r}")
    return source.replace('FLAVOUR = "good"', f"FLAVOUR = {flavour!r}")


def install_stub(layout: Layout, tag: str, flavour: str = "good") -> Path:
    """Put a stub where a version belongs, without a virtual environment, which takes seconds to make."""
    script = layout.script(tag)
    script.parent.mkdir(parents=True)
    script.write_text(f"#!{sys.executable} -IS\n{stub_source(tag, flavour)}", encoding="utf-8")
    script.chmod(0o755)
    layout.write_record(
        InstallRecord(
            tag=tag,
            wheel=f"cictl-{package_version(tag)}-py3-none-any.whl",
            sha256=hashlib.sha256(tag.encode()).hexdigest(),
            python="3.11.0",
            created_utc=f"2026-01-01T00:00:{len(list(layout.versions.iterdir())):02}Z",
        )
    )
    return script


def real_wheel(directory: Path, tag: str) -> Path:
    """Write a wheel of cictl as it stands in the checkout, as the version *tag*."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = package_version(tag)
    files = {}
    for package in _PACKAGES:
        root = SOURCE / package
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                files[f"{root.name}/{path.relative_to(root)}"] = path.read_bytes()
    own = files["cictl/__init__.py"].decode()
    files["cictl/__init__.py"] = re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', own).encode()
    return build_wheel(directory, "cictl", version, files, requires=project["dependencies"], scripts=project["scripts"])


def repack_dependencies(directory: Path) -> Path:
    """Make wheels of everything that cictl needs, as installed here, and return a pinned list of them with hashes."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wheels = [repack(directory, found) for found in _closure(project["dependencies"])]
    lines = []
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        lines.append(f"{name}=={version} --hash=sha256:{sha256_of(wheel)}")
    lock = directory / "requirements.txt"
    lock.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return lock


def repack(directory: Path, found: Distribution) -> Path:
    """Make a wheel of an installed distribution again."""
    files = {}
    for path in found.files or ():
        if ".." in path.parts or "__pycache__" in path.parts or path.name in _LEFT_OUT:
            continue
        files[str(path)] = path.read_binary()
    tags = [line.partition(": ")[2] for line in (found.read_text("WHEEL") or "").splitlines() if line[:4] == "Tag:"]
    parts = [".".join(dict.fromkeys(tag.split("-")[place] for tag in tags)) for place in range(3)]
    info = next(name.partition("/")[0] for name in files if name.endswith(".dist-info/METADATA"))
    return _write(directory / f"{_file_name(found.name)}-{found.version}-{'-'.join(parts)}.whl", files, info)


def _closure(requirements: Iterable[str]) -> list[Distribution]:
    """Return the installed distributions that *requirements* need, and those that these need."""
    waiting = [Requirement(text) for text in requirements]
    found: dict[str, Distribution] = {}
    while waiting:
        requirement = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        installed = distribution(requirement.name)
        if installed.name not in found:
            found[installed.name] = installed
            waiting += [Requirement(text) for text in installed.requires or ()]
    return list(found.values())


def _file_name(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name)


def _write(path: Path, files: Mapping[str, bytes], info: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    record = []
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(content)}")
        wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
    return path
