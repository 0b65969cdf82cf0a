"""The table of pages: their addresses, who shows them, and the routes of the API that decide who may.

`reads` has the role and the reach of the page, `does` those of the form that is sent to it, with its line in the audit.
"""

from __future__ import annotations

from cictl_server.face.admin_pages import ADMIN_PAGES
from cictl_server.face.fleet_pages import FLEET_PAGES
from cictl_server.http.routes import Page

_JOB = "GET /api/v1/jobs/{job_id}"
_LOG = "GET /api/v1/jobs/{job_id}/log"
_RUN = "GET /api/v1/runs/{run}"

PAGES: tuple[Page, ...] = (
    Page("/static/{version}/{name}", "face.assets.StaticResource", reads="GET /login", is_file=True),
    Page("/", "face.views.overview.OverviewPage", reads="GET /api/v1/projects"),
    Page("/find", "face.views.find.FindPage", reads="GET /api/v1/projects"),
    Page("/runs", "face.views.runs.RunsPage", reads="GET /api/v1/runs"),
    Page("/runs/{run}", "face.views.run.RunPage", reads=_RUN),
    Page("/runs/{run}/cancel", "face.views.run_deeds.CancelPage", reads=_RUN, does="POST /api/v1/runs/{run}/cancel"),
    Page(
        "/runs/{run}/rerun", "face.views.run_deeds.RerunPage", "all", reads=_RUN, does="POST /api/v1/runs/{run}/rerun"
    ),
    Page(
        "/runs/{run}/rerun-failed",
        "face.views.run_deeds.RerunPage",
        "failed",
        reads=_RUN,
        does="POST /api/v1/runs/{run}/rerun",
    ),
    Page("/runs/{run}/approve", "face.views.run_deeds.ApprovePage", reads=_RUN, does="POST /api/v1/runs/{run}/approve"),
    Page("/runs/{run}/reject", "face.views.run_deeds.RejectPage", reads=_RUN, does="POST /api/v1/runs/{run}/reject"),
    Page("/runs/{run}/pin", "face.views.run_deeds.PinPage", "pin", does="POST /api/v1/runs/{run}/pin"),
    Page("/runs/{run}/unpin", "face.views.run_deeds.PinPage", "unpin", does="POST /api/v1/runs/{run}/unpin"),
    Page("/jobs/{job_id}", "face.views.job.JobPage", reads=_JOB),
    Page(
        "/jobs/{job_id}/cancel",
        "face.views.job.JobDeed",
        "cancel",
        reads=_JOB,
        does="POST /api/v1/jobs/{job_id}/cancel",
    ),
    Page("/jobs/{job_id}/rerun", "face.views.job.JobDeed", "rerun", does="POST /api/v1/jobs/{job_id}/rerun"),
    Page("/jobs/{job_id}/log", "face.views.log.LogPage", reads=_LOG),
    Page("/jobs/{job_id}/log.txt", "face.views.log.LogText", reads=_LOG, is_file=True),
    *FLEET_PAGES,
    *ADMIN_PAGES,
)
