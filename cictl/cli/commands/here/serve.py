"""`cictl serve`: the API server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from datetime import timedelta

    from cictl.installation.layout import Layout


def serve(
    context: typer.Context,
    host: Annotated[
        str | None,
        typer.Option(
            envvar="CICTL_HOST",
            help="Address to listen on; on others than loopback everybody needs a token.",
            show_default="that of CICTL_SERVER_ADDR, else 127.0.0.1",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            envvar="CICTL_PORT",
            min=0,
            max=65535,
            help="Port; 0 takes a free one.",
            show_default="that of CICTL_SERVER_ADDR, else 8112",
        ),
    ] = None,
    server_kind: Annotated[
        str,
        typer.Option(
            "--server",
            envvar="CICTL_SERVER_KIND",
            metavar="waitress|granian",
            help="What answers requests. granian, of cictl[granian], needs less of the processor and serves TLS; "
            "docs/operations.md tells the differences.",
            show_default="granian where it is installed, else waitress",
        ),
    ] = "",
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            envvar="CICTL_TLS_CERT", help="Serve https with this certificate and its chain, a PEM file; needs granian."
        ),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(envvar="CICTL_TLS_KEY", help="The key of the certificate, a PEM file.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="CICTL_DATA_DIR", help="Where everything is kept; default: the user's data directory."),
    ] = None,
    store: Annotated[
        str,
        typer.Option(
            envvar="CICTL_STORE",
            metavar="URL",
            help="Keep the records in PostgreSQL, postgresql://USER@HOST:PORT/DATABASE, and only files in the data directory. "
            "The password may come from PGPASSWORD or ~/.pgpass.",
            show_default="the data directory",
        ),
    ] = "",
    files: Annotated[
        str,
        typer.Option(
            envvar="CICTL_FILES",
            metavar="DIR|URL",
            help="Where artifacts and reports are kept: a directory, or s3://bucket/prefix with the AWS_* variables.",
            show_default="the data directory",
        ),
    ] = "",
    no_auth: Annotated[
        bool,
        typer.Option(
            "--no-auth", help="Ask nobody for a token, whoever reaches the address; refused once there are tokens."
        ),
    ] = False,
    public_read: Annotated[
        bool,
        typer.Option(
            "--public-read",
            envvar="CICTL_PUBLIC_READ",
            help="Let everybody who reaches the address read what a viewer may, logs and artifacts too, without a token.",
        ),
    ] = False,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CICTL_ALLOWED_HOSTS",
            metavar="NAME",
            help="Answer under this name too, as a proxy or another machine asks for; .example.com means all names below. "
            "May be repeated. The variable holds several, separated by blanks.",
        ),
    ] = None,
    public_url: Annotated[
        str,
        typer.Option(
            envvar="CICTL_PUBLIC_URL",
            metavar="URL",
            help="The address that browsers show, if a proxy with another one is in front: https://ci.example.com.",
            show_default=False,
        ),
    ] = "",
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CICTL_TRUSTED_PROXIES",
            metavar="CIDR",
            help="Believe this proxy, an address or a network, whose requests it passes on (X-Forwarded-For) and whether by https "
            "(X-Forwarded-Proto). May be repeated. The variable holds several, separated by blanks.",
        ),
    ] = None,
    agent_timeout: Annotated[
        int, typer.Option(min=10, metavar="SECONDS", help="Give up on the jobs of an agent silent for this long.")
    ] = 60,
    default_timeout: Annotated[
        int,
        typer.Option(
            envvar="CICTL_DEFAULT_TIMEOUT",
            min=0,
            metavar="SECONDS",
            help="Time limit of jobs that state none; 0 for none.",
        ),
    ] = 86400,
    poll: Annotated[
        int,
        typer.Option(
            envvar="CICTL_POLL",
            min=0,
            max=86400,
            metavar="SECONDS",
            help="How often the repositories of projects are looked at for new commits; 0 leaves it to webhooks and `projects check`.",
        ),
    ] = 60,
    vault_url: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CICTL_VAULT_URLS",
            metavar="URL",
            help="Take secrets only from this Vault; may be repeated. The variable holds several, separated by blanks.",
        ),
    ] = None,
    max_artifacts: Annotated[
        str,
        typer.Option(
            envvar="CICTL_MAX_ARTIFACTS",
            metavar="SIZE",
            help="How much one job may keep in artifacts, unpacked: 500MiB, 20GiB; 0 for any size.",
        ),
    ] = "8GiB",
    max_artifact_files: Annotated[
        int,
        typer.Option(
            envvar="CICTL_MAX_ARTIFACT_FILES",
            metavar="N",
            min=0,
            help="How many artifacts one job may keep; 0 for any number.",
        ),
    ] = 50_000,
    max_project_artifacts: Annotated[
        str,
        typer.Option(
            envvar="CICTL_MAX_PROJECT_ARTIFACTS",
            metavar="SIZE",
            help="How much all jobs of one project may keep in artifacts: 100GiB; 0 for any size.",
        ),
    ] = "0",
    min_free: Annotated[
        str,
        typer.Option(
            envvar="CICTL_MIN_FREE",
            metavar="SIZE",
            help="Take no new runs and artifacts while less than this is free on the disk of the data directory, or of --files; 0 for no limit.",
            show_default="1GiB, or 5 % of a smaller disk",
        ),
    ] = "",
    max_log: Annotated[
        str,
        typer.Option(
            envvar="CICTL_MAX_LOG",
            metavar="SIZE",
            help="How much of one job's log is kept: 500MiB, 2GiB; 0 for any size.",
        ),
    ] = "1GiB",
    max_run_jobs: Annotated[
        int,
        typer.Option(
            envvar="CICTL_MAX_RUN_JOBS", min=0, metavar="N", help="How many jobs one run may have; 0 for any number."
        ),
    ] = 10_000,
    max_queued_runs: Annotated[
        int,
        typer.Option(
            envvar="CICTL_MAX_QUEUED_RUNS",
            min=0,
            metavar="N",
            help="How many runs of one project may wait or run at once; 0 for any number.",
        ),
    ] = 1000,
    max_running_per_project: Annotated[
        int,
        typer.Option(
            envvar="CICTL_MAX_RUNNING_PER_PROJECT",
            min=0,
            metavar="N",
            help="How many jobs of one project agents may have at once; the others wait. 0 for any number.",
        ),
    ] = 0,
    max_agents: Annotated[
        int,
        typer.Option(
            envvar="CICTL_MAX_AGENTS",
            min=0,
            metavar="N",
            help="How many agents may be known; further ones are refused. 0 for any number.",
        ),
    ] = 5000,
    forget_agents_after: Annotated[
        str,
        typer.Option(
            envvar="CICTL_FORGET_AGENTS_AFTER",
            metavar="TIME",
            help="Forget agents that were silent for this long, unless deactivated or draining: 12h, 90d; 0 for never.",
        ),
    ] = "30d",
    header_seconds: Annotated[
        float,
        typer.Option(
            envvar="CICTL_HEADER_SECONDS",
            min=1,
            metavar="SECONDS",
            help="How long the header of a request may take in all.",
        ),
    ] = 10.0,
    stalled_seconds: Annotated[
        float,
        typer.Option(
            envvar="CICTL_STALLED_SECONDS",
            min=1,
            metavar="SECONDS",
            help="Close the connection of a client that takes no byte of an answer for this long.",
        ),
    ] = 30.0,
    peer_connections: Annotated[
        int,
        typer.Option(
            envvar="CICTL_PEER_CONNECTIONS",
            min=1,
            metavar="COUNT",
            help="Connections of one address at most, such as of a proxy; past that the most silent one is closed.",
        ),
    ] = 5000,
    allow_http_targets: Annotated[
        bool,
        typer.Option(
            "--allow-http-targets",
            envvar="CICTL_ALLOW_HTTP_TARGETS",
            help="Let notifications and statuses of commits go to this machine, and without TLS.",
        ),
    ] = False,
    notify_command: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CICTL_NOTIFY_COMMANDS",
            metavar="NAME=PATH",
            help="Let project files have this program told, by its name: `notify: [{on: [broken], command: NAME}]`. May be "
            "repeated. The variable holds several, separated by blanks.",
        ),
    ] = None,
    keep_audit: Annotated[
        str,
        typer.Option(
            envvar="CICTL_KEEP_AUDIT",
            metavar="DURATION",
            help="How long the records of the audit are kept, such as 90d; 0 for ever.",
        ),
    ] = "400d",
    log_level: Annotated[
        str, typer.Option(envvar=["CICTL_LOG_LEVEL", "CIWI_LOG_LEVEL"], help="debug, info, warning or error.")
    ] = "info",
) -> None:
    """Run the API server until it is stopped with Ctrl-C or SIGTERM.

    Examples:

      cictl serve

      cictl serve --port 9000 --data-dir /var/lib/cictl

      cictl serve --store postgresql://cictl@db.example.com/cictl
    """
    import logging
    import os
    import sys
    from datetime import timedelta

    import platformdirs

    from cictl.base import log_output
    from cictl.base.system.collector import collect_at_work
    from cictl.cli.commands.here.end_signals import ignore_signals, stop_at_first_signal
    from cictl.installation import health
    from cictl.installation.versions import running_tag
    from cictl_server.errors import CictlError
    from cictl_server.httpd.granian.server import Tls
    from cictl_server.httpd.limits import ConnectionLimits
    from cictl_server.serve import Server, ServerConfig, ServerKind
    from cictl_server.services.artifacts.limits import ArtifactLimits
    from cictl_server.services.fleet.limits import FleetLimits
    from cictl_server.services.history.run_limits import RunLimits

    level = logging.getLevelNamesMapping().get(log_level.upper())
    if level is None:
        raise typer.BadParameter("one of debug, info, warning, error", param_hint="--log-level")
    log_output.begin(level)
    host, port = _address(host, port)
    if bool(tls_cert) != bool(tls_key):
        raise typer.BadParameter("--tls-cert and --tls-key belong together", param_hint="--tls-cert")
    if server_kind not in ("", *ServerKind):
        raise typer.BadParameter("one of waitress, granian", param_hint="--server")
    kind = ServerKind(server_kind) if server_kind else ServerKind.usual()
    version = running_tag()
    directory = (data_dir or platformdirs.user_data_path("cictl", appauthor=False)).absolute()
    layout = _begin(version, directory)
    config = ServerConfig(
        data_dir=directory,
        store=store,
        files=files,
        host=host,
        port=port,
        server=kind,
        tls=Tls(certificate=tls_cert, key=tls_key) if tls_cert and tls_key else None,
        no_auth=no_auth,
        public_read=public_read,
        connections=ConnectionLimits(
            header_seconds=header_seconds, stalled_seconds=stalled_seconds, of_peer=peer_connections
        ),
        allowed_hosts=allowed_host or (),
        public_url=public_url,
        trusted_proxies=trusted_proxy or (),
        vault_urls=vault_url or (),
        allow_http_targets=allow_http_targets,
        notify_commands=dict(map(_program, notify_command or ())),
        version=version,
        agent_timeout=timedelta(seconds=agent_timeout),
        artifact_limits=ArtifactLimits(
            files=max_artifact_files,
            total_bytes=_size(max_artifacts, "--max-artifacts"),
            project_bytes=_size(max_project_artifacts, "--max-project-artifacts"),
        ),
        min_free=_size(min_free, "--min-free") if min_free else None,
        run_limits=RunLimits(jobs=max_run_jobs, queued_runs=max_queued_runs, running=max_running_per_project),
        fleet_limits=FleetLimits(
            agents=max_agents, forget_after=_duration(forget_agents_after, "--forget-agents-after")
        ),
        max_log_bytes=_size(max_log, "--max-log"),
        audit_kept=_duration(keep_audit, "--keep-audit"),
        default_timeout_seconds=default_timeout,
        poll_seconds=poll,
        environ=os.environ,
        arguments=sys.argv[1:],
    )
    try:
        running = Server(config)
    except (CictlError, OSError) as error:
        _fail(error, host=host, port=port)
    if layout is not None:
        health.write_down(layout.updates, health.HealthyServer(version, running.instance_id))
    if no_auth:
        typer.echo("warning: nobody is authenticated; whoever reaches this address controls the agents", err=True)
    stop_at_first_signal(running.stop)
    records = f", records in {running.records_place}" if store else ""
    told = f"data in {config.data_dir}{records}, answered by {kind}"
    typer.echo(f"cictl {version} serves {running.url}, {told}", err=True)
    if running.first_token_file is not None:
        typer.echo(f"made the token of an admin, in {running.first_token_file}; log in with:", err=True)
        typer.echo(f"  cictl login {running.reachable_url} --token-file {running.first_token_file}", err=True)
    if not running.has_agents:
        from cictl.cli.app.session import Session
        from cictl.wire.words import DEFAULT_SERVER

        named = "" if running.reachable_url == DEFAULT_SERVER else f" --server {running.reachable_url}"
        Session.of(context).suggest(f"cictl run-agent{named}  # in another terminal")
    collect_at_work()
    running.run()
    if running.is_restart_wanted:
        typer.echo("restarting", err=True)
        _start_again(port=None if port else int(running.url.rpartition(":")[2]))
    ignore_signals()
    typer.echo("stopped", err=True)


def _size(text: str, option: str) -> int:
    from cictl.base.text.sizes import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _duration(text: str, option: str) -> timedelta:
    from datetime import timedelta

    from cictl.base.text.durations import parse_duration

    try:
        return timedelta(0) if text == "0" else parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _program(text: str) -> tuple[str, Path]:
    """Return the name and the place of a program that may be told."""
    name, _, path = text.partition("=")
    if not name.strip() or not Path(path).is_absolute() or not Path(path).is_file():
        hint = "--notify-command"
        raise typer.BadParameter(f"{text} is not NAME=PATH with the absolute path of a program", param_hint=hint)
    return name.strip(), Path(path)


def _address(host: str | None, port: int | None) -> tuple[str, int]:
    """Fill in what was not given from `CICTL_SERVER_ADDR`, or its `CIWI_` twin: `host:port`, `:port` or `port`."""
    import os

    from cictl.base.system.environment import find_setting
    from cictl.wire.words import DEFAULT_PORT

    text, name = find_setting(os.environ, "SERVER_ADDR")
    found_host, colon, digits = text.rpartition(":")
    if not text:
        found_host, digits = "127.0.0.1", str(DEFAULT_PORT)
    elif not (digits.isascii() and digits.isdigit() and int(digits) <= 65535):
        raise typer.BadParameter(f"{text} is not host:port, :port or port", param_hint=name)
    elif not found_host:
        found_host = "0.0.0.0" if colon else "127.0.0.1"  # noqa: S104 # nosec B104 # what `:port` means; it wants tokens
    return host or found_host, int(digits) if port is None else port


def _begin(version: str, data_dir: Path) -> Layout | None:
    """Tell the updater that this version starts; end the process if it failed to start too often.

    Returns:
        The layout of a managed installation; None for any other.
    """
    import os
    import sys

    from cictl.installation.capability import find_layout
    from cictl.installation.reconcile import begin

    layout = find_layout(os.environ, prefix=Path(sys.prefix), data_dir=data_dir)
    outcome = begin(layout, version) if layout else None
    if outcome is not None:
        typer.echo(f"error: {outcome.message}", err=True)
        raise typer.Exit(1)
    return layout


def _start_again(*, port: int | None) -> NoReturn:
    """Replace this process by the same command line.

    Args:
        port: The free port that was found, to take it again; None if the user named one.
    """
    import os
    import sys

    sys.stdout.flush()
    sys.stderr.flush()
    more = [] if port is None else ["--port", str(port)]
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], *more])  # noqa: S606 # nosec B606 # our own command line


def _fail(error: Exception, *, host: str, port: int) -> NoReturn:
    """Say why the server can't start, and what to try; and end with the exit code of that."""
    from cictl.cli.commands.here.server_errors import exit_code

    hint = getattr(error, "hint", "")
    if isinstance(error, OSError) and error.filename is None:
        typer.echo(f"error: cannot listen on {host}:{port}: {error.strerror}", err=True)
        hint = "choose another --port, or stop what listens there"
    elif isinstance(error, OSError):
        typer.echo(f"error: cannot write {error.filename}: {error.strerror}", err=True)
        hint = "choose another --data-dir, or let this account write there"
    else:
        typer.echo(f"error: {error}", err=True)
    if hint:
        typer.echo(f"try: {hint}", err=True)
    raise typer.Exit(exit_code(error)) from error
