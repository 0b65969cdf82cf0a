"""`cictl run-agent`: the process that executes jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from cictl_agent.agent import Agent

_LOOK_SECONDS = 0.1


def run_agent(
    server: Annotated[str, typer.Option(metavar="URL", help="The server; else CICTL_SERVER_URL.")] = "",
    context: Annotated[
        str, typer.Option("--context", metavar="NAME", help="A named server of the context file, with its token.")
    ] = "",
    agent_id: Annotated[
        str, typer.Option("--id", metavar="NAME", help="This agent's name; else CICTL_AGENT_ID, else agent-HOSTNAME.")
    ] = "",
    work_dir: Annotated[
        Path | None,
        typer.Option(help="Where it works; else CICTL_AGENT_WORKDIR, else .cictl-agent/work."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="A file with the token; else CICTL_TOKEN or CICTL_TOKEN_FILE.")
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Trust the certificates in this PEM file alone; else CICTL_CA_FILE."),
    ] = None,
    enroll_token_file: Annotated[
        Path | None,
        typer.Option(
            "--enroll-token-file",
            metavar="FILE",
            help="Trade the enrolment token in this file once for a token of its own; else CICTL_ENROLL_TOKEN_FILE.",
        ),
    ] = None,
    slots: Annotated[
        int | None,
        typer.Option("--slots", metavar="N", help="How many jobs to run at once; else CICTL_AGENT_SLOTS, else 1."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            metavar="KEY=VALUE",
            help="Something that it offers to the runs_on of jobs, such as gpu=a100; may be repeated; else CICTL_AGENT_LABELS.",
        ),
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Lease jobs from a server and run them, until stopped with Ctrl-C or SIGTERM.

    Jobs that run then are stopped and reported as failed. A second signal ends the agent at once.

    Examples:

      cictl run-agent

      cictl run-agent --server http://ci.example.com:8112 --id builder-1 --slots 4

      cictl run-agent --label gpu=a100 --label zone=eu

      cictl run-agent --context prod

      cictl run-agent --server https://ci.example.com --id builder-1 --enroll-token-file enrolment.token
    """
    import logging
    import os
    import sys

    from cictl.base import log_output
    from cictl.base.system.collector import collect_at_work
    from cictl.installation.versions import running_tag
    from cictl_agent.agent import Agent
    from cictl_agent.config import ConfigError, find_service, find_work_dir, load_config
    from cictl_agent.enrolment import with_own_token
    from cictl_agent.envfile import load_env_file
    from cictl_agent.system.credentials import put_away, without_credentials
    from cictl_agent.system.platforms import this_platform
    from cictl_agent.system.processes import adopt_orphans, hide_memory, reset_ignored_signals
    from cictl_agent.updating import find_updater

    level = logging.getLevelNamesMapping().get(log_level.upper())
    if level is None:
        raise typer.BadParameter("one of debug, info, warning, error", param_hint="--log-level")
    given = put_away(os.environ, server=server)
    settings, server = given.variables, given.server
    hide_memory()
    log_output.begin(level)
    platform = this_platform()
    try:
        load_env_file(settings, platform.env_file(settings))
        os.environ.update(without_credentials(settings))
        service = find_service(settings, platform)
        updater = find_updater(
            settings,
            service=service,
            version=running_tag(),
            prefix=Path(sys.prefix),
            work_dir=find_work_dir(settings, work_dir),
        )
        if problem := updater.begin():
            _fail(ConfigError(problem))
        server, token_file, env = of_context(context, settings, server=server, token_file=token_file)
        config = load_config(
            env,
            server=server,
            agent_id=agent_id,
            work_dir=work_dir,
            token_file=token_file,
            ca_file=ca_file,
            enrolment_file=enroll_token_file,
            slots=slots,
            labels=label or (),
            service=service,
        )
        config = with_own_token(config)
        labels = "".join(f", {key}={value}" for key, value in sorted(config.labels.items()))
        typer.echo(
            f"agent {config.agent_id} polling {config.shown_server}, work in {config.work_dir}{labels}", err=True
        )
        reset_ignored_signals()
        agent = Agent(config, adopts_orphans=adopt_orphans(), platform=platform, updater=updater)
        collect_at_work()
        _run_until_signal(agent)
    except ConfigError as error:
        _fail(error)
    typer.echo("stopped", err=True)
    if agent.exit_code:
        raise typer.Exit(agent.exit_code)


def of_context(
    name: str, environ: Mapping[str, str], *, server: str, token_file: Path | None
) -> tuple[str, Path | None, Mapping[str, str]]:
    """Return the server, the file with the token, and the environment that the context *name* makes of the given ones.

    An option wins over the context, and the context's token goes to the context's server only.
    """
    from cictl.cli.app.contexts import SettingsError, read_contexts
    from cictl_agent.config import ConfigError

    if not name:
        return server, token_file, environ
    try:
        context = read_contexts(environ).get(name)
    except SettingsError as error:
        raise ConfigError(f"{error}; {error.hint}" if error.hint else str(error)) from error
    if token_file is not None or server.rstrip("/") not in ("", context.server.rstrip("/")):
        return server or context.server, token_file, environ
    own = {"CICTL_TOKEN": context.token} if context.token else {}
    env = {**context.tls.variables(), **environ, **own}
    own_file = Path(context.token_file).expanduser() if context.token_file and not context.token else None
    return context.server, own_file, env


def _run_until_signal(agent: Agent) -> None:
    """Run the agent in a thread; the first signal stops it gently, the second ends everything.

    The handler takes no lock: whatever the main thread was doing may hold it.
    """
    import os
    import signal
    import threading

    stop = threading.Event()
    signals: list[int] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            agent.run(stop)
        except Exception as error:  # noqa: BLE001 raised again in the main thread
            errors.append(error)

    asked_to_stop = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGBREAK", signal.SIGTERM))  # the last on Windows
    for number in asked_to_stop:
        signal.signal(number, lambda received, _: signals.append(received))
    worker = threading.Thread(target=work, name="agent")
    worker.start()
    while worker.is_alive():
        worker.join(_LOOK_SECONDS)
        if signals:
            stop.set()
        if len(signals) > 1:
            agent.kill()
            os._exit(1)
    if errors:
        raise errors[0]


def _fail(error: Exception) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(1) from error
