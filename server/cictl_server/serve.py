"""A running server: data directory, socket, waitress threads, background maintenance, orderly stop."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import msgspec

from cictl.installation.releases.release import ReleaseError
from cictl.wire.words import DEFAULT_PORT
from cictl_server.app import LEASE_PATH, SERVED, create_app
from cictl_server.background import Background
from cictl_server.blobs.contract import Blobs
from cictl_server.blobs.opening import open_blobs, wait_for
from cictl_server.errors import InvalidRequest
from cictl_server.http.access.hosts import OwnHosts, is_loopback_name
from cictl_server.http.access.origin import OriginRule
from cictl_server.http.browsers.cookies import SessionCookie
from cictl_server.http.router import Router
from cictl_server.http.streams import UNSENT_LIMIT
from cictl_server.http.waiting import Asking
from cictl_server.httpd.admission import Admission
from cictl_server.httpd.body_memory import SHORT_BODY
from cictl_server.httpd.granian.engine import is_usable
from cictl_server.httpd.granian.server import GranianHttpd, Tls
from cictl_server.httpd.limits import ConnectionLimits
from cictl_server.httpd.proxies import TrustedProxies
from cictl_server.httpd.waitress_server import BACKLOG, Httpd
from cictl_server.mdns import find_advertiser
from cictl_server.services import (
    DEFAULT_AGENT_TIMEOUT,
    DEFAULT_DOWNLOAD_PLACES,
    DEFAULT_JOB_SECONDS,
    DEFAULT_LEASE_PLACES,
    DEFAULT_WAITING_PLACES,
    Services,
)
from cictl_server.services.access.authentication import Policy
from cictl_server.services.access.first_token import has_tokens, make_first_token
from cictl_server.services.artifacts.limits import ArtifactLimits
from cictl_server.services.audit import DEFAULT_KEPT
from cictl_server.services.fleet.limits import FleetLimits
from cictl_server.services.history.run_limits import RunLimits
from cictl_server.services.logs.book import DEFAULT_LOG_LIMIT
from cictl_server.services.notifications import NotificationSettings
from cictl_server.services.secrets.vault.connections import check_url
from cictl_server.services.triggers.rounds import DEFAULT_POLL_SECONDS
from cictl_server.services.updates.process import ServerProcess
from cictl_server.services.updates.tools import UpdateTools
from cictl_server.storage import open_logs, open_signals, open_storage
from cictl_server.upkeep import Upkeep

_SWITCH_SECONDS = 0.002
"""How long a thread that computes keeps others waiting: longer than a small request takes, and shorter than Python's 5 ms."""


SPARE_THREADS = 48
"""Threads in addition to the places for downloads. With fewer threads than busy connections waitress collapses."""

_COURIER_GRACE_SECONDS = 2.0
"""How long the end waits for notifications that are being sent, so that they are not sent again."""

_LEAST_ARCHIVE_LIMIT = 16 << 30
_NO_LIMIT = 1 << 62
"""waitress's own limit of bodies: `Admission` knows that of each route."""

_HEADER_LIMIT = 64 << 10


class ServerKind(StrEnum):
    """What answers at the socket."""

    WAITRESS = "waitress"
    GRANIAN = "granian"

    @classmethod
    def usual(cls) -> ServerKind:
        """Return what answers where nobody has chosen: granian where it can be used, as only those have it who asked for it."""
        return cls.GRANIAN if is_usable() else cls.WAITRESS


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve.

    Attributes:
        data_dir: Where files are kept, and the records too unless `store` names a database.
        store: URL of a PostgreSQL database; empty for TinyDB.
        files: Where artifacts, reports and icons are, a directory or `s3://bucket/prefix`; empty for the data directory.
        port: 0 takes a free one.
        server: What answers; granian must be installed.
        tls: The certificate that is shown; needs granian.
        waiting_places: How many streams may be open at once.
        lease_places: How many leases may wait at once.
        no_auth: Ask nobody for a token, also on an address that other machines reach.
        public_read: Whoever has no token may read what a viewer may, but for names of secrets.
        agent_timeout: What an agent runs is given up after this silence of it.
        default_timeout_seconds: The limit of jobs that state none; 0 means none.
        environ: Settings of updates (where releases come from, how this installation is managed) and of mDNS.
        connections: How slow and how many clients may be.
        allowed_hosts: Names under which the server is asked, besides its own; see `OwnHosts`.
        public_url: Where browsers find the server if that is behind a proxy.
        trusted_proxies: Addresses and networks of proxies that tell for whom they ask; see `TrustedProxies`.
        vault_urls: The only Vaults from which secrets may come; empty allows any.
        has_vaults: Otherwise no Vault is asked, and all secrets are the server's own.
        asks_approvals: Otherwise jobs wait for nobody's approval: whoever starts a run lets them begin.
        artifact_limits: How much a job may keep.
        min_free: Bytes that must be free on the disk for new work; by default 1 GiB, or 5 % of a smaller disk.
        run_limits: How much may wait at once.
        fleet_limits: How many agents may be known, and for how long.
        max_log_bytes: How much of the log of one job is kept; 0 for any size.
        allow_http_targets: Notifications and statuses of commits may go to this machine, and without TLS.
        notify_commands: The programs that project files may want to be told, by name.
        audit_kept: How long the records of the audit are kept; 0 for ever.
        poll_seconds: How often repositories are looked at for new commits; 0 for never.
        arguments: The command line without the program that starts this server again; a port chosen at 0 is added.
    """

    data_dir: Path
    store: str = ""
    files: str = ""
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    server: ServerKind = ServerKind.WAITRESS
    tls: Tls | None = None
    no_auth: bool = False
    public_read: bool = False
    version: str = "dev"
    waiting_places: int = DEFAULT_WAITING_PLACES
    lease_places: int = DEFAULT_LEASE_PLACES
    download_places: int = DEFAULT_DOWNLOAD_PLACES
    agent_timeout: timedelta = DEFAULT_AGENT_TIMEOUT
    default_timeout_seconds: int = DEFAULT_JOB_SECONDS
    environ: Mapping[str, str] = msgspec.field(default_factory=dict)
    arguments: Sequence[str] = ()
    allowed_hosts: Sequence[str] = ()
    public_url: str = ""
    trusted_proxies: Sequence[str] = ()
    vault_urls: Sequence[str] = ()
    has_vaults: bool = True
    asks_approvals: bool = True
    artifact_limits: ArtifactLimits = msgspec.field(default_factory=ArtifactLimits)
    min_free: int | None = None
    run_limits: RunLimits = msgspec.field(default_factory=RunLimits)
    fleet_limits: FleetLimits = msgspec.field(default_factory=FleetLimits)
    max_log_bytes: int = DEFAULT_LOG_LIMIT
    audit_kept: timedelta = DEFAULT_KEPT
    poll_seconds: int = DEFAULT_POLL_SECONDS
    allow_http_targets: bool = False
    notify_commands: Mapping[str, Path] = msgspec.field(default_factory=dict)
    connections: ConnectionLimits = msgspec.field(default_factory=ConnectionLimits)

    @property
    def archive_bytes(self) -> int:
        """The most bytes of a zip of artifacts, with room for its directory."""
        if not self.artifact_limits.total_bytes:
            return _NO_LIMIT
        return max(_LEAST_ARCHIVE_LIMIT, 2 * self.artifact_limits.total_bytes)


class Server:
    """A server that is bound and ready. `run` serves until any thread calls `stop`.

    Attributes:
        url: Where it listens.
        reachable_url: The same, with an address at which this machine reaches it.
        records_place: Where the records are, for people.
        is_restart_wanted: After `run` has ended, whether its caller has to start the server again.
        first_token_file: The file with the admin token that this start has made; None if it made none.
        has_agents: Whether it knew an agent when it was opened.
    """

    def __init__(self, config: ServerConfig) -> None:
        """Open the data directory and bind the address.

        Raises:
            InvalidRequest: `no_auth` is set although there are tokens, or a URL, an allowed host or a proxy is bad.
            StoreError: The data can't be opened.
            BlobError: The place for files can't be used.
            OSError: The address can't be bound.
        """
        for vault_url in config.vault_urls:
            check_url(vault_url)
        scheme = "http"
        if config.tls is not None:
            config.tls.check()
            scheme = "https"
        if config.tls is not None and config.server is not ServerKind.GRANIAN:
            raise InvalidRequest(
                "only granian serves TLS",
                hint="pip install 'cictl[granian]' and leave out --server waitress, or put a proxy with TLS in front",
            )
        blobs = open_blobs(config.files, data_dir=config.data_dir, environ=config.environ)
        if config.files:
            wait_for(blobs)
        tools = _tools(config)
        self._hosts, rule = _origin_rule(config)
        proxies = TrustedProxies(config.trusted_proxies)
        self._stopping = threading.Event()
        self.is_restart_wanted = False
        with ExitStack() as opened:  # closed again if something later can't be opened
            listener = opened.enter_context(_bind(config.host, config.port))
            address, port = listener.getsockname()[:2]
            self.url = _url(scheme, address, port)
            near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - asked there, not bound  # nosec B104
            self.reachable_url = _url(scheme, near, port)
            self._advertiser = find_advertiser(address, port, version=config.version, environ=config.environ)
            self.services = self._open_services(config, opened, blobs=blobs, tools=tools, port=port)
            self.first_token_file = self._first_token(config)
            self.has_agents = self.services.core.store.look(lambda view: view.agents.count() > 0)
            self.services.jobs.expiry.start_up()
            self.services.updates.update.adopt()
            self.services.about.agreement.follow()
            self.services.updates.fellows.follow()
            self._httpd = self._listening(config, listener, rule=rule, proxies=proxies)
            self._opened = opened.pop_all()

    def _listening(
        self, config: ServerConfig, listener: socket.socket, *, rule: OriginRule, proxies: TrustedProxies
    ) -> Httpd | GranianHttpd:
        """Return what answers at *listener*."""
        router = Router()
        cookie = SessionCookie(public_url=config.public_url)
        app = create_app(self.services, router=router, origin_rule=rule, cookie=cookie)
        admit = Admission(self.services, SERVED, router, origin_rule=rule, archive_bytes=config.archive_bytes)
        asking = Asking(app, path=LEASE_PATH)
        threads = config.download_places + SPARE_THREADS
        limits = config.connections.fitted()
        if config.server is ServerKind.GRANIAN:
            return GranianHttpd(
                asking,
                listener,
                threads=threads,
                admit=admit,
                keep=admit.keep,
                is_page=admit.is_page,
                limits=limits,
                proxies=proxies,
                instance_id=self.instance_id,
                tls=config.tls,
            )
        return Httpd(
            asking,
            listener,
            admit=admit,
            keep=admit.keep,
            is_page=admit.is_page,
            threads=threads,
            limits=limits,
            proxies=proxies,
            instance_id=self.instance_id,
            max_request_body_size=_NO_LIMIT,
            max_request_header_size=_HEADER_LIMIT,
            inbuf_overflow=SHORT_BODY,
            recv_bytes=SHORT_BODY,
            outbuf_high_watermark=UNSENT_LIMIT,
            ident="cictl",
        )

    def _open_services(
        self, config: ServerConfig, opened: ExitStack, *, blobs: Blobs, tools: UpdateTools, port: int
    ) -> Services:
        """Open the data and what stands on it; *opened* closes it."""
        storage = open_storage(config.store, config.data_dir)
        opened.callback(storage.store.close)
        self.records_place = storage.shown
        if config.no_auth and has_tokens(storage.store):
            raise InvalidRequest(
                "refusing --no-auth: this server has tokens, and would stop asking for them",
                hint="start it without --no-auth; `cictl tokens create` with --data-dir or --store helps if every token is lost",
            )
        logs = opened.enter_context(closing(open_logs(storage, blobs, config.data_dir)))
        signals = opened.enter_context(closing(open_signals(storage, version=config.version)))
        return Services.build(
            storage.store,
            config.data_dir,
            blobs=blobs,
            log_writer=logs,
            signals=signals,
            version=config.version,
            waiting_places=config.waiting_places,
            lease_places=config.lease_places,
            download_places=config.download_places,
            agent_timeout=config.agent_timeout,
            default_timeout_seconds=config.default_timeout_seconds,
            update_tools=tools,
            vault_urls=config.vault_urls,
            has_vaults=config.has_vaults,
            asks_approvals=config.asks_approvals,
            artifact_limits=config.artifact_limits,
            min_free=config.min_free,
            run_limits=config.run_limits,
            fleet_limits=config.fleet_limits,
            max_log_bytes=config.max_log_bytes,
            policy=_policy(config),
            public_read=config.public_read,
            audit_kept=config.audit_kept,
            poll_seconds=config.poll_seconds,
            public_url=config.public_url,
            shared_settings=_shared_settings(config),
            notification_settings=NotificationSettings(
                allows_http=config.allow_http_targets, commands=config.notify_commands
            ),
            base_url=(config.public_url or self.reachable_url).rstrip("/"),
            process=self._process(config, port),
        )

    def _first_token(self, config: ServerConfig) -> Path | None:
        if _policy(config) is not Policy.ALWAYS:
            return None
        host = self.services.core.signals.members.own.name
        return make_first_token(self.services.access.tokens, config.data_dir, host=host)

    @property
    def instance_id(self) -> str:
        """What tells this process from others, in the header of each answer."""
        return self.services.about.runtime.instance_id

    def run(self) -> None:
        """Serve until `stop`, then finish the answers under way and close the store."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        background = Background(self._stopping)
        Upkeep(self.services, self._stopping).begin(background)
        threading.Thread(target=self._hosts.learn_full_name, name="full name", daemon=True).start()
        if self._advertiser is not None:
            self._advertiser.start()
        try:
            self._httpd.run()
        finally:
            self.stop()
            if self._advertiser is not None:
                self._advertiser.stop()
            background.join()
            self.services.triggers.rounds.close()
            self.services.notifications.couriers.wait(_COURIER_GRACE_SECONDS)
            self._opened.close()

    def stop(self) -> None:
        """Ask `run` to end; may be called from a signal handler, and twice."""
        self._stopping.set()
        self._httpd.stop()
        self.services.updates.update.stop()
        self.services.core.hub.close()
        self.services.jobs.line.close()
        self.services.projects.remotes.places.close()
        self.services.triggers.own_places.close()

    def _process(self, config: ServerConfig, port: int) -> ServerProcess:
        """Return this process as the services may see and end it."""
        return ServerProcess(
            url=self.reachable_url,
            served_by=config.server.value,
            arguments=[*config.arguments, *([] if config.port else ["--port", str(port)])],
            leave=self.stop,
            restart=self._restart,
        )

    def _restart(self) -> None:
        self.is_restart_wanted = True
        self.stop()


def _policy(config: ServerConfig) -> Policy:
    if config.no_auth:
        return Policy.NEVER
    return Policy.OPEN_AT_FIRST if is_loopback_name(config.host) else Policy.ALWAYS


_AUTHENTICATION = {
    Policy.NEVER: "off",
    Policy.OPEN_AT_FIRST: "on from the first token",
    Policy.ALWAYS: "on",
}


def _shared_settings(config: ServerConfig) -> dict[str, str]:
    """Return what several servers on the same data should have alike, by option."""
    values: dict[str, object] = {
        "authentication": _AUTHENTICATION[_policy(config)],
        "--public-url": config.public_url,
        "--public-read": config.public_read,
        "--vault-url": ", ".join(sorted(config.vault_urls)),
        "--agent-timeout": _seconds(config.agent_timeout),
        "--default-timeout": f"{config.default_timeout_seconds} s",
        "--max-artifact-files": config.artifact_limits.files,
        "--max-artifacts": config.artifact_limits.total_bytes,
        "--max-project-artifacts": config.artifact_limits.project_bytes,
        "--max-run-jobs": config.run_limits.jobs,
        "--max-queued-runs": config.run_limits.queued_runs,
        "--max-running-per-project": config.run_limits.running,
        "--max-agents": config.fleet_limits.agents,
        "--forget-agents-after": _seconds(config.fleet_limits.forget_after),
        "--allow-http-targets": config.allow_http_targets,
        "--notify-command": ", ".join(f"{name}={path}" for name, path in sorted(config.notify_commands.items())),
        "--max-log": config.max_log_bytes,
        "--keep-audit": _seconds(config.audit_kept),
        "--poll": f"{config.poll_seconds} s",
    }
    return {option: str(value) for option, value in values.items()}


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.0f} s"


def _tools(config: ServerConfig) -> UpdateTools:
    try:
        return UpdateTools.from_environment(
            config.environ,
            version=config.version,
            data_dir=config.data_dir,
            store=config.store,
            needs_grown=bool(config.store) or "://" in config.files,
        )
    except ReleaseError as error:
        raise InvalidRequest(str(error), hint="correct the CICTL_UPDATE_ settings") from error


def _origin_rule(config: ServerConfig) -> tuple[OwnHosts, OriginRule]:
    hosts = OwnHosts(bound=config.host, allowed=config.allowed_hosts)
    try:
        return hosts, OriginRule(hosts, public_url=config.public_url)
    except ValueError as error:
        raise InvalidRequest(f"--public-url: {error}", hint="write it as https://ci.example.com") from error


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host.strip("[]"), port))
        bound.listen(BACKLOG)  # from here on connections wait; they are never refused while the data is being opened
    except BaseException:
        bound.close()
        raise
    return bound
