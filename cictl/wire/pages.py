"""The addresses of the server's pages for people, as links from elsewhere name them: the command line, commits, notifications."""

from __future__ import annotations

from urllib.parse import quote

OVERVIEW = "/"


def run_page(run: int | str) -> str:
    """Return the address of the page of a run, by its number or its id."""
    return f"/runs/{quote(str(run), safe='')}"


def job_page(job_id: str) -> str:
    """Return the address of the page of an execution, by its long id."""
    return f"/jobs/{quote(job_id, safe='')}"


def project_page(project_id: int) -> str:
    """Return the address of the page of a project."""
    return f"/projects/{project_id}"
