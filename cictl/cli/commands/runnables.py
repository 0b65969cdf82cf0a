"""`cictl pipelines` and `cictl chains`: one definition of the verbs, two groups; only pipelines have `version`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cictl.cli.app.commands import Command, F, new_group
from cictl.cli.app.failures import not_found
from cictl.cli.app.session import Session
from cictl.cli.commands.options import (
    AgentOption,
    DryRun,
    Inputs,
    Matrix,
    MatrixIndex,
    Offline,
    Only,
    Ref,
    inputs_in,
    needs,
)
from cictl.cli.commands.run import RUN_EXAMPLES, run_verb
from cictl.cli.names import Target, find_target, list_targets
from cictl.cli.output.table import Result
from cictl.cli.pipelines.preview import preview, show_eligible_agents, show_source_refs
from cictl.cli.tables.runnables import chain_result, chains_result, pipeline_result, pipelines_result
from cictl.wire.projects import ChainSummary, PreviewRequest, RunRequest


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What differs between the two groups.

    Attributes:
        metavar: The help's word for an argument that names a whole pipeline or chain.
        target: The help's word for an argument that names what can be run, and its explanation.
        helps: The help of each verb.
        examples: The examples of the group, with the key "", and of each verb.
    """

    is_chain: bool
    metavar: str
    target: tuple[str, str]
    helps: Mapping[str, str]
    examples: Mapping[str, str]

    @property
    def name_help(self) -> str:
        return f"PROJECT/{self.metavar}, a unique name, or a database id."

    def find(self, session: Session, text: str) -> Target:
        """Return the one that *text* names."""
        return find_target(session.client, text, chains=self.is_chain, pipelines=not self.is_chain)

    def list(self, session: Session, *, project: str) -> Result[Any]:
        """Return the table of all, or of one project's."""
        targets = list_targets(session.client, chains=self.is_chain, pipelines=not self.is_chain, of_project=project)
        return chains_result(targets) if self.is_chain else pipelines_result(targets)

    def show(self, session: Session, text: str) -> Result[Any]:
        """Return the one that *text* names with what it consists of."""
        target = self.find(session, text)
        project = session.client.get_project(target.project.id)
        if isinstance(target.definition, ChainSummary):
            return chain_result(project.name, target.definition, project.pipelines)
        for detail in project.pipelines:
            if detail.pipeline_id == target.name:
                return pipeline_result(project.name, detail)
        raise not_found(f"pipeline {target.full_name} is gone", hint="`cictl pipelines list` shows what there is")


_PREVIEW_HELP = """Show what a run would do, and what it lacks.

Lists the jobs that a dry run would enqueue, with their steps, source, version, agents, and what is missing; nothing is
started. The exit code tells what a run would meet: 0 it could go, 1 it would be refused, 11 no agent could
take one of its jobs.
"""

_PIPELINES = _Kind(
    is_chain=False,
    metavar="PIPELINE",
    target=("TARGET", "PROJECT/PIPELINE[/JOB], a unique name, or a database id."),
    helps={
        "list": "List the pipelines of all projects.",
        "show": "Show one pipeline with its jobs and steps.",
        "run": "Run a pipeline, or one of its jobs.\n\nThe same as `cictl run`, for where a chain has the same name.",
        "preview": _PREVIEW_HELP,
        "source-refs": "List the branches that a pipeline could be run from.",
        "eligible-agents": "List the agents that could take every job of a run.\n\nExit code 11 when no agent could.",
    },
    examples={
        "": "cictl pipelines list\ncictl pipelines preview shop/build\ncictl pipelines run shop/build --wait",
        "list": "cictl pipelines list\ncictl pipelines list --project shop -o name",
        "show": "cictl pipelines show shop/build\ncictl pipelines show 7 -o yaml",
        "run": RUN_EXAMPLES.replace("cictl run", "cictl pipelines run"),
        "preview": "cictl pipelines preview shop/build\n"
        "cictl pipelines preview shop/build/test --matrix linux --ref feature-1\n"
        "cictl pipelines preview shop/build --query 'pending_jobs[].eligible_agent_ids'",
        "source-refs": "cictl pipelines source-refs shop/build\ncictl pipelines source-refs shop/build -o name",
        "eligible-agents": "cictl pipelines eligible-agents shop/build\n"
        "cictl pipelines eligible-agents shop/build/test -o name",
    },
)

_CHAINS = _Kind(
    is_chain=True,
    metavar="CHAIN",
    target=("CHAIN", "PROJECT/CHAIN, a unique name, or a database id."),
    helps={
        "list": "List the pipeline chains of all projects.",
        "show": "Show one chain with its pipelines, in their order.",
        "run": """Run the pipelines of a chain in the order of their dependencies.

With --wait a terminal shows the pipelines and jobs as they go, a pipe one line a change. The exit code of a wait is the
result: 0 succeeded, 3 failed, 4 cancelled, 8 timed out while the jobs go on.
""",
        "preview": _PREVIEW_HELP,
        "source-refs": "List the branches that a chain could be run from: those of its first pipeline.",
        "eligible-agents": "List the agents that could take every job of a chain's run.\n\n"
        "Exit code 11 when no agent could; the jobs may still fit on several, which `preview` shows.",
    },
    examples={
        "": "cictl chains list\ncictl chains preview shop/release\ncictl chains run shop/release --wait",
        "list": "cictl chains list\ncictl chains list --project shop -o name",
        "show": "cictl chains show shop/release\ncictl chains show 2 -o yaml",
        "run": "cictl chains run shop/release --wait\ncictl chains run shop/release --dry-run --ref feature-1 --follow",
        "preview": "cictl chains preview shop/release\ncictl chains preview shop/release --ref feature-1 -o json",
        "source-refs": "cictl chains source-refs shop/release\ncictl chains source-refs shop/release -o name",
        "eligible-agents": "cictl chains eligible-agents shop/release\n"
        "cictl chains eligible-agents shop/release -o name",
    },
)


def _new_group(kind: _Kind) -> typer.Typer:
    """Return the group with the verbs that both kinds have."""
    app = new_group(kind.examples[""])
    name = typer.Argument(..., metavar=kind.metavar, help=kind.name_help)
    whole_or_job = typer.Argument(..., metavar=kind.target[0], help=kind.target[1])

    def verb(word: str) -> Callable[[F], F]:
        return app.command(word, cls=Command, help=kind.helps[word], epilog=kind.examples[word])

    @verb("list")
    def list_all(
        context: typer.Context,
        project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")] = "",
    ) -> None:
        session = Session.of(context)
        session.show(kind.list(session, project=project))

    @verb("show")
    def show(context: typer.Context, target: str = name) -> None:
        session = Session.of(context)
        session.show(kind.show(session, target))

    verb("run")(run_verb(whole_or_job, text=kind.helps["run"], chains=kind.is_chain, pipelines=not kind.is_chain))

    @verb("preview")
    def show_preview(
        context: typer.Context,
        target: str = whole_or_job,
        matrix: Matrix = "",
        matrix_index: MatrixIndex = None,
        only: Only = False,
        ref: Ref = "",
        inputs: Inputs = None,
        agent: AgentOption = "",
        offline: Offline = False,
    ) -> None:
        session = Session.of(context)
        request = PreviewRequest(
            matrix_name=matrix,
            matrix_index=matrix_index,
            source_ref=ref,
            offline_cached_only=offline,
            needs=needs(only),
            inputs=inputs_in(inputs),
        )
        preview(session, kind.find(session, target), request, agent=agent)

    @verb("source-refs")
    def source_refs(context: typer.Context, target: str = name) -> None:
        session = Session.of(context)
        show_source_refs(session, kind.find(session, target))

    @verb("eligible-agents")
    def eligible_agents(
        context: typer.Context,
        target: str = whole_or_job,
        matrix: Matrix = "",
        matrix_index: MatrixIndex = None,
        only: Only = False,
        inputs: Inputs = None,
        agent: AgentOption = "",
        dry_run: DryRun = False,
    ) -> None:
        session = Session.of(context)
        request = RunRequest(
            matrix_name=matrix,
            matrix_index=matrix_index,
            dry_run=dry_run,
            needs=needs(only),
            inputs=inputs_in(inputs),
        )
        show_eligible_agents(session, kind.find(session, target), request, agent=agent)

    return app


pipelines = _new_group(_PIPELINES)
chains = _new_group(_CHAINS)


@pipelines.command(
    "version",
    cls=Command,
    epilog="cictl pipelines version shop/build\nVERSION=$(cictl pipelines version shop/build -o name)",
)
def version(
    context: typer.Context,
    pipeline: Annotated[str, typer.Argument(metavar=_PIPELINES.metavar, help=_PIPELINES.name_help)],
) -> None:
    """Resolve the version that a run would have now.

    The steps come on stderr as they happen. A pipeline without versioning has no version, which is no error.
    """
    from cictl.cli.pipelines.version_steps import resolve

    session = Session.of(context)
    resolve(session, _PIPELINES.find(session, pipeline))
