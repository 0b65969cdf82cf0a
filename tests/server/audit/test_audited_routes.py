"""Every route that changes something has its deed, or is known to be routine."""

from __future__ import annotations

from cictl.wire.audit.records import AuditAction
from cictl_server.apidoc.operations import operations
from cictl_server.app import ROUTES
from cictl_server.http.audited_routes import DEEDS, ROUTINE, TARGETS

CHANGING = {f"{o.method.upper()} {o.path}" for o in operations(ROUTES) if o.method.upper() not in ("GET", "HEAD")}


def test_a_changing_route_is_audited_or_routine() -> None:
    assert CHANGING - DEEDS.keys() - ROUTINE == set(), "say in cictl_server/http/audited_routes.py what they do"
    assert (DEEDS.keys() | ROUTINE) - CHANGING == set(), "no such routes"
    assert DEEDS.keys() & ROUTINE == set()


def test_every_action_is_something_that_is_done() -> None:
    done = {deed.action for deed in DEEDS.values()}
    by_itself = {AuditAction.AUTH_REFUSED, AuditAction.AUTH_LIMITED, AuditAction.AUDIT_PRUNED}
    assert set(AuditAction) == done | by_itself


def test_what_a_changing_path_names_is_a_target() -> None:
    named = {part.strip("{}") for route in DEEDS for part in route.split("/") if part.startswith("{")}
    assert named == TARGETS.keys()
