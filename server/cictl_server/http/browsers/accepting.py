"""Which requests want a page, and how errors become one. The pages themselves are in `face`, which knows more than this layer."""

from __future__ import annotations

from collections.abc import Callable

import falcon

from cictl.wire.problems import Problem

ShowProblem = Callable[[falcon.Request, falcon.Response, Problem], bool]
"""Answers with a page that tells a problem; returns False if the request wants none, and then nothing was answered."""


def wants_page(req: falcon.Request) -> bool:
    """Tell whether a person looks at the answer: a browser that goes to a page names HTML, its scripts do not."""
    return "text/html" in (req.get_header("Accept") or "")


def show_problem(req: falcon.Request, resp: falcon.Response, problem: Problem) -> bool:
    """Answer with a page that tells *problem*, where the request wants one; return whether it does."""
    show: ShowProblem | None = getattr(req.context, "show_problem", None)
    return show is not None and show(req, resp, problem)
