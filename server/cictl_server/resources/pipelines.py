"""Pipelines and chains: runs, previews, and the branches and versions of runs."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing

import falcon
import msgspec

from cictl.wire.projects import (
    EligibleAgents,
    PreviewRequest,
    PreviewResponse,
    RunRequest,
    RunResponse,
    SourceRefs,
)
from cictl.wire.words import EVENT_STREAM
from cictl_server.apidoc.describe import AnswerShape, Content, api
from cictl_server.http import media, streams
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.pipelines.version_steps import VersionEvent
from cictl_server.signals.waits import Awaited

_UNRUNNABLE = "what can't be run"
_GIT_IS_BUSY = "too many requests work with git; `Retry-After` says when to come again"
_ENQUEUED: Mapping[int, AnswerShape] = {
    201: RunResponse,
    400: _UNRUNNABLE,
    404: "unknown",
    413: "more jobs than a run may have",
    429: "as many runs of the project are not over as may be",
    503: _GIT_IS_BUSY,
}


class PipelineRunResource:
    """`/api/v1/pipelines/{pipeline_id}/run-selection`"""

    def __init__(self, services: Services) -> None:
        self._runs = services.pipelines.runs
        self._worktrees = services.pipelines.worktrees

    @api(request=RunRequest, answers={**_ENQUEUED, 409: "the working tree has been run"})
    def on_post(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str) -> None:
        """Enqueue a run of a pipeline, whole or in part."""
        number, request = _pipeline(pipeline_id), media.read(req, RunRequest)
        run = self._worktrees.run if request.worktree else self._runs.run_pipeline
        media.write(resp, run(number, request, starter=principal_of(req).job), status=201)


class ChainRunResource:
    """`/api/v1/pipeline-chains/{chain_id}/run`"""

    def __init__(self, services: Services) -> None:
        self._runs = services.pipelines.runs

    @api(request=RunRequest, answers=_ENQUEUED)
    def on_post(self, req: falcon.Request, resp: falcon.Response, chain_id: str) -> None:
        """Enqueue a run of all pipelines of a chain, or of none if one can't run; the body may be empty."""
        number = _chain(chain_id)
        request = media.read(req, RunRequest, empty_is_null=True)
        answer = self._runs.run_chain(number, request, starter=principal_of(req).job)
        media.write(resp, answer, status=201)


class PreviewResource:
    """`…/dry-run-preview` of a pipeline and of a chain"""

    def __init__(self, services: Services) -> None:
        self._previews = services.pipelines.previews

    @api(
        request=PreviewRequest,
        answers={200: PreviewResponse, 400: _UNRUNNABLE, 404: "unknown", 503: _GIT_IS_BUSY},
        takes_key=False,
    )
    def on_post_pipeline(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str) -> None:
        """Show what a dry run of a pipeline would enqueue; nothing is stored."""
        number = _pipeline(pipeline_id)
        media.write(resp, self._previews.preview_pipeline(number, media.read(req, PreviewRequest)))

    @api(
        request=PreviewRequest,
        answers={200: PreviewResponse, 400: _UNRUNNABLE, 404: "unknown", 503: _GIT_IS_BUSY},
        takes_key=False,
    )
    def on_post_chain(self, req: falcon.Request, resp: falcon.Response, chain_id: str) -> None:
        """Show what a dry run of a chain would enqueue; nothing is stored."""
        number = _chain(chain_id)
        media.write(resp, self._previews.preview_chain(number, media.read(req, PreviewRequest)))


class EligibleAgentsResource:
    """`…/eligible-agents` of a pipeline and of a chain"""

    def __init__(self, services: Services) -> None:
        self._previews = services.pipelines.previews

    @api(request=RunRequest, answers={200: EligibleAgents, 400: _UNRUNNABLE, 404: "unknown"}, takes_key=False)
    def on_post_pipeline(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str) -> None:
        """List the agents that could take every execution of a run."""
        number = _pipeline(pipeline_id)
        media.write(resp, self._previews.eligible_for_pipeline(number, media.read(req, RunRequest)))

    @api(request=RunRequest, answers={200: EligibleAgents, 400: _UNRUNNABLE, 404: "unknown"}, takes_key=False)
    def on_post_chain(self, req: falcon.Request, resp: falcon.Response, chain_id: str) -> None:
        """List the agents that could take every execution of a chain run."""
        number = _chain(chain_id)
        media.write(resp, self._previews.eligible_for_chain(number, media.read(req, RunRequest)))


class SourceRefsResource:
    """`…/source-refs` of a pipeline and of a chain"""

    def __init__(self, services: Services) -> None:
        self._refs = services.pipelines.source_refs

    @api(
        answers={200: SourceRefs, 400: "a remote that can't be read", 404: "unknown", 503: _GIT_IS_BUSY},
        costs_work=True,
    )
    def on_get_pipeline(self, _req: falcon.Request, resp: falcon.Response, pipeline_id: str) -> None:
        """List the branches from which a pipeline can be run."""
        media.write(resp, self._refs.of_pipeline(_pipeline(pipeline_id)))

    @api(
        answers={200: SourceRefs, 400: "a remote that can't be read", 404: "unknown", 503: _GIT_IS_BUSY},
        costs_work=True,
    )
    def on_get_chain(self, _req: falcon.Request, resp: falcon.Response, chain_id: str) -> None:
        """List the branches from which a chain can be run: those of its first pipeline."""
        media.write(resp, self._refs.of_chain(_chain(chain_id)))


class VersionResolveResource:
    """`/api/v1/pipelines/{pipeline_id}/version-resolve`"""

    def __init__(self, services: Services) -> None:
        self._versions = services.pipelines.version_steps
        self._hub = services.core.hub

    @api(
        answers={
            200: Content(media=(EVENT_STREAM,), text="one VersionStep an event"),
            404: "unknown",
            503: "all places for waiting requests are taken",
        },
        costs_work=True,
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str) -> None:
        """Resolve the version of a pipeline, with an event for each step.

        Each event is a VersionStep; the last one, `done`, may be a VersionResolved.
        """
        record = self._versions.find(_pipeline(pipeline_id))
        streams.follow(req, resp, self._hub, lambda: _encoded(self._versions.resolve(record)))


def _encoded(events: Generator[VersionEvent | Awaited | None, None, None]) -> Iterator[bytes | Awaited]:
    """Yield the events as server-sent events, and None as a comment, which browsers ignore. Closing this closes *events*."""
    with closing(events):
        for event in events:
            if isinstance(event, Awaited):
                yield event
            else:
                yield b": keepalive\n\n" if event is None else b"data: " + msgspec.json.encode(event) + b"\n\n"


def _pipeline(text: str) -> int:
    return media.path_id(text, noun="pipeline")


def _chain(text: str) -> int:
    return media.path_id(text, noun="pipeline chain")
