"""Asking before something is done: a page, or with the script a dialog, that says what it does and how much of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import falcon
import msgspec

from cictl_server.face.page import Pages, View


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. The form goes to the address at which the question is, by POST.

    Attributes:
        title: `Cancel run 41?`
        text: What happens then, with counts; a paragraph each.
        button: The word of the button that does it: `Cancel run 41`.
        back: Where those go who don't want it, such as `runs/41`.
        command: The `cictl` line that does the same.
        hidden: Fields of the form that are sent along.
        asks: The name and the label of a text that is asked for; empty for none.
        is_needed: That text may not be empty.
        is_long: That text may have lines.
        is_harmful: It ends or removes something.
    """

    title: str
    text: Sequence[str]
    button: str
    back: str
    command: str = ""
    hidden: Mapping[str, str] = msgspec.field(default_factory=dict)
    asks: tuple[str, str] | None = None
    is_needed: bool = False
    is_long: bool = False
    is_harmful: bool = True


def ask(pages: Pages, req: falcon.Request, resp: falcon.Response, question: Question, *, section: str = "") -> None:
    """Answer with the *question*."""
    view = View(
        template="question.html",
        title=question.title,
        section=section,
        command=question.command,
        values={"question": question},
    )
    pages.show(req, resp, view)
