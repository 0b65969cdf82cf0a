"""Patterns of artifacts that can't match, and what their writers meant. What patterns match is in `cictl.base.text.globs`."""

from __future__ import annotations

import posixpath


def pattern_problem(pattern: str) -> str:
    """Return why a pattern can match no file, as the end of a sentence about it; empty if it can.

    Patterns are compared with paths such as `out/app`, in which no name is empty, `.` or `..`.
    """
    mark = "!" if pattern.startswith("!") else ""
    path = pattern.removeprefix("!")
    parts = path.split("/")
    if not path.strip():
        return "is empty and matches no file"
    if ".." in parts:
        return "matches no file; it may not have .. in it"
    if "" not in parts and "." not in parts:
        return ""
    meant = posixpath.normpath(path.lstrip("/") or ".")
    if meant == ".":
        meant = "**"
    elif path.endswith(("/", "/.")) and parts[-2] != "**":
        meant += "/**"
    return f"matches no file; write {mark}{meant}"
