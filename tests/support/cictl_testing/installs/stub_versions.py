"""A managed installation of stubs, and a server that a supervisor keeps running."""

from __future__ import annotations

import time
from datetime import timedelta

from cictl.base.clock import utc_now
from cictl.installation import manifest
from cictl.installation.activation import Means, apply_staged_update
from cictl.installation.health import Prober, probe
from cictl.installation.layout import Layout
from cictl.installation.manifest import Pending, Result
from cictl.installation.processes import STOP_SECONDS, Host
from cictl_testing.installs.answering import version_at
from cictl_testing.installs.supervisor import Supervisor
from cictl_testing.installs.wheels import install_stub
from cictl_testing.ports import free_port
from cictl_testing.processes import eventually

OLD = "v1.0.0"
NEW = "v1.1.0"


class Patience:
    """Time for the updater: it looks ten times a second, and gives up soon on versions that are *hopeless*, once they began.

    Attributes:
        seconds: How many it has waited.
    """

    def __init__(self, layout: Layout, *hopeless: str) -> None:
        self._layout = layout
        self._hopeless = hopeless
        self.seconds = 0.0

    def means(self, *, prober: Prober = probe, host: Host | None = None, stop_seconds: float = STOP_SECONDS) -> Means:
        return Means(prober=prober, host=host, stop_seconds=stop_seconds, clock=lambda: self.seconds, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.05))
        self.seconds += 6.0 if self._is_hopeless() else 0.1

    def _is_hopeless(self) -> bool:
        current = self._layout.current()
        starts = self._layout.data_dir / "starts.log"
        return current in self._hopeless and starts.exists() and current in starts.read_text().split()


class Serving:
    """OLD serves below a supervisor.

    Attributes:
        url: The server's address.
        patience: Of the last updater.
    """

    patience: Patience

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.arguments = ["serve", "--port", str(port), "--data-dir", str(layout.data_dir)]
        self.supervisor = Supervisor(layout.current_script, *self.arguments)
        self.wait_for(OLD)

    def apply(
        self,
        *,
        hopeless: tuple[str, ...] = (),
        prober: Prober = probe,
        host: Host | None = None,
        stop_seconds: float = STOP_SECONDS,
    ) -> Result:
        """Run the updater in this process."""
        self.patience = Patience(self.layout, *hopeless)
        means = self.patience.means(prober=prober, host=host, stop_seconds=stop_seconds)
        result = apply_staged_update(self.layout, means)
        assert result is not None, "nothing was asked for"
        return result

    def wait_for(self, version: str) -> None:
        eventually(lambda: self.version == version, what=f"{version} to serve")

    @property
    def version(self) -> str:
        """What serves."""
        return version_at(self.url)

    def stage(self, tag: str = NEW, flavour: str = "good", *, argv: list[str] | None = None, pid: int = 0) -> Pending:
        """Put a stub beside OLD and ask for it."""
        install_stub(self.layout, tag, flavour)
        return self.ask_for(tag, argv=argv, pid=pid)

    def ask_for(self, tag: str, *, argv: list[str] | None = None, pid: int = 0) -> Pending:
        wanted = manifest.new_pending(
            self.layout,
            tag,
            from_version=self.layout.current() or "",
            rollback=False,
            now=utc_now(),
            lifetime=timedelta(minutes=10),
            health_url=self.url,
            argv=argv,
            pid=pid,
        )
        manifest.request(self.layout, wanted)
        return wanted
