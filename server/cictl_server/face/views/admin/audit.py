"""The audit: who did what, newest first."""

from __future__ import annotations

import falcon

from cictl.wire.audit.records import AuditAction, AuditFilter
from cictl_server.face.page import Pages, View
from cictl_server.services import Services
from cictl_server.services.jobs.obstacles import command

_SHOWN = 100


class AuditPage:
    """`/admin/audit`, with `?actor=&action=&target=&cursor=`"""

    def __init__(self, services: Services) -> None:
        self._search = services.audit.search
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show a hundred records."""
        given = {name: (req.get_param(name) or "").strip() for name in ("actor", "action", "target")}
        cursor = req.get_param("cursor") or ""
        page = self._search.list_records(
            AuditFilter(actor=given["actor"], action=given["action"], target=given["target"]),
            limit=_SHOWN,
            cursor=int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 19 else None,
            is_oldest_first=False,
        )
        words = [word for name, value in given.items() if value for word in (f"--{name}", value)]
        view = View(
            template="admin/audit.html",
            title="Audit",
            section="admin",
            command=command("audit", "list", *words),
            values={
                "page": page,
                "given": given,
                "actions": sorted({action.partition(".")[0] for action in AuditAction}),
            },
        )
        self._pages.show(req, resp, view)
