"""What may name a repository and a ref. Whoever hands a text to git checks it here first, so git never guesses."""

from __future__ import annotations

import re

PROTOCOLS = ("file", "git", "http", "https", "ssh")
"""The ways to reach a repository. Others, such as `ext`, run programs that the URL names."""

SELF = "self"
"""The `repo` of a `vcs_source` that means the project's own repository."""

_LONGEST = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?:://|::)")
_COMMIT = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_SHORT_COMMIT = re.compile(r"[0-9a-fA-F]{4,39}")

_LIKE_COMMIT = re.compile(r"[0-9a-fA-F]{7,40}")
"""A branch may have such a name, but a text without `refs/heads/` then means the commit."""

_PULL_REQUEST = re.compile(r"refs/(?:pull|merge-requests)/([1-9][0-9]{0,15})/head")

_BRANCHES, _TAGS = "refs/heads/", "refs/tags/"

# git help check-ref-format
_NO_REF = re.compile(r"""[ ~^:?*\[\\]|\.\.|@\{|//|^[/+]|[/.]$|(?:^|/)\.|\.lock(?:/|$)|^@$""")


def is_commit(ref: str) -> bool:
    """Tell whether *ref* is a full commit id."""
    return _COMMIT.fullmatch(ref) is not None


def is_short_commit(ref: str) -> bool:
    """Tell whether *ref* can be the beginning of a commit id."""
    return _SHORT_COMMIT.fullmatch(ref) is not None


def branch_of(ref: str) -> str:
    """Return the branch that *ref* names; empty for other refs and for commits. A short name counts as one of a branch."""
    if ref.startswith(_BRANCHES):
        return ref.removeprefix(_BRANCHES)
    return "" if ref.startswith("refs/") or _LIKE_COMMIT.fullmatch(ref) else ref


def tag_of(ref: str) -> str:
    """Return the tag that *ref* names by its full name; empty for other refs."""
    return ref.removeprefix(_TAGS) if ref.startswith(_TAGS) else ""


def pull_request_of(ref: str) -> str:
    """Return the number of the pull request whose head *ref* is, as GitHub, Gitea, Forgejo and GitLab name it; empty for other refs."""
    found = _PULL_REQUEST.fullmatch(ref)
    return found[1] if found else ""


def short_ref(ref: str) -> str:
    """Return a branch or tag without `refs/heads/` or `refs/tags/`, and any other ref as it is."""
    return ref.removeprefix(_BRANCHES).removeprefix(_TAGS)


def repository_fault(repo: str) -> str:
    """Return what is wrong with the trimmed URL or path *repo*, such as `must not begin with "-"`; empty if nothing is."""
    if fault := _text_fault(repo):
        return fault
    scheme = _SCHEME.match(repo)
    if scheme and scheme[1].lower() not in PROTOCOLS:
        return f'has the protocol "{scheme[1]}"; allowed are {", ".join(PROTOCOLS)}, the short form of ssh, and paths'
    return ""


def ref_fault(ref: str) -> str:
    """Return what is wrong with the trimmed branch, tag, full ref name or commit *ref*; empty if nothing is."""
    if fault := _text_fault(ref):
        return fault
    if _NO_REF.search(ref):
        return f'"{ref}" is no name that a branch, tag or commit can have'
    return ""


def _text_fault(text: str) -> str:
    if text.startswith("-"):
        return 'must not begin with "-"'
    if len(text) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if _CONTROL.search(text):
        return "must not contain control characters"
    return ""
