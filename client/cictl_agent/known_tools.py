"""What the agent knows of its machine's tools, and keeping that up to date in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from cictl.base.constraints import is_tool_name
from cictl.wire.agents import MOST_WANTED_TOOLS
from cictl.wire.waiting.requirements import PRESENT
from cictl_agent.tools import COMMON, TOOLS, XORG, Prober

logger = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 600.0
"""After this time the agent looks again for a wanted tool that was not there, or told no version: it may have been slow."""

_ALWAYS = (*TOOLS, *COMMON, XORG)
_AT_A_TIME = 8
"""How many wanted tools are looked for before what was found is told: a few slow ones must not delay all others."""


class KnownTools:
    """The tools that were found: those that are always looked for, and those that the server asks about.

    A thread looks, so nobody waits for a tool. There is one at most, and only while there is something to look for.
    """

    def __init__(self, prober: Prober, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Know nothing yet.

        Args:
            clock: Seconds that never go back.
        """
        self.on_news: Callable[[], None] = lambda: None
        """Called in the thread after each look; set it before the first."""
        self._prober = prober
        self._clock = clock
        self._lock = threading.Lock()
        self._is_looking = False
        self._looking: threading.Thread | None = None
        self.is_closed = False
        """Set by `close`."""
        self._must_scan = False
        self._wanted: tuple[str, ...] = ()
        self._wanted_id = ""
        self._found: dict[str, str] = {}
        self._unclear_since: dict[str, float] = {}
        self.scanned = threading.Event()
        """Set once all that are always looked for were looked for."""

    @property
    def capabilities(self) -> dict[str, str]:
        """`tool.<name>` with the version of each tool that was found."""
        return {f"tool.{name}": version for name, version in sorted(self._found.items())}

    @property
    def looked_for(self) -> str:
        """The id of the server's last list; empty if there is none, or while a tool on it must be looked for.

        The server sends its list to whoever names another id. So the list comes again when it is time to look again.
        """
        with self._lock:
            return "" if self._due() else self._wanted_id

    def scan(self) -> None:
        """Begin to look for everything anew."""
        with self._lock:
            self._must_scan = True
        self._start()

    def want(self, names: Iterable[str], list_id: str) -> None:
        """Begin to look for the tools of a server's list that are not known. Names that no tool has are left out."""
        with self._lock:
            self._wanted = tuple(dict.fromkeys(filter(is_tool_name, names)))[:MOST_WANTED_TOOLS]
            self._wanted_id = list_id
            kept = {*_ALWAYS, *self._wanted}
            self._unclear_since = {name: since for name, since in self._unclear_since.items() if name in kept}
            if len(self._found) > len(_ALWAYS) + MOST_WANTED_TOOLS:
                self._found = {name: version for name, version in self._found.items() if name in kept}
        self._start()

    def close(self) -> None:
        """Look for nothing any more, and wait until the tools that are being asked have answered, or used up their time."""
        with self._lock:
            self._prober.end()
            self.is_closed = True
            looking = self._looking
        if looking is not None:
            looking.join()

    def _start(self) -> None:
        with self._lock:
            if self.is_closed or self._is_looking or not (self._must_scan or self._due()):
                return
            self._is_looking = True
            self._looking = threading.Thread(target=self._look_for_all, name="tools", daemon=True)
            self._looking.start()

    def _due(self) -> list[str]:
        """Return the wanted tools that must be looked for now. The lock must be held."""
        latest = self._clock() - LOOK_AGAIN_SECONDS
        unclear = (name for name in self._wanted if self._found.get(name, PRESENT) == PRESENT)
        return [name for name in unclear if self._unclear_since.get(name, latest) <= latest]

    def _look_for_all(self) -> None:
        while names := self._next():
            try:
                self._look(names)
            except Exception:
                logger.exception("cannot look for tools")
                self._note(dict.fromkeys(names, ""))
            if self.is_closed:
                return
            self.scanned.set()
            self.on_news()

    def _next(self) -> list[str]:
        """Return what to look for now; with an empty list the thread must end."""
        with self._lock:
            names = [*_ALWAYS, *self._wanted, *self._found] if self._must_scan else self._due()[:_AT_A_TIME]
            self._must_scan = False
            self._is_looking = bool(names)
            return names

    def _look(self, names: list[str]) -> None:
        before, missing_before = self._found, {*_ALWAYS, *self._unclear_since}
        self._note(self._prober.versions(names))
        news = {name: version for name, version in self._found.items() if before.get(name) != version}
        gone = [name for name in before if name not in self._found]
        if news:
            logger.info("tools found: %s", ", ".join(f"{name} {version}" for name, version in sorted(news.items())))
        if missing := sorted(self._unclear_since.keys() - missing_before - before.keys() - self._found.keys()):
            logger.info("tools that are wanted and not here: %s", ", ".join(missing))
        if gone:
            logger.info("tools that are gone: %s", ", ".join(sorted(gone)))

    def _note(self, versions: dict[str, str]) -> None:
        now = self._clock()
        with self._lock:
            unseen = {name: version for name, version in self._found.items() if name not in versions}
            self._found = unseen | {name: version for name, version in versions.items() if version}
            for name, version in versions.items():
                self._unclear_since.pop(name, None)
                if version in ("", PRESENT):
                    self._unclear_since[name] = now
