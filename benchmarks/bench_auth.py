"""What tokens cost: heartbeats with them and without, and with wrong ones, in turns. Targets: docs/design.md."""

from __future__ import annotations

import json
from pathlib import Path

from figures import Figure, Untrue, in_turns, options
from load import Connection, rate
from serving import TOKENS, Served, real_disk, serve_cictl, serve_guarded, served

AGENTS = 16
_WRONG = "cictl_a_" + "0" * 36


class Heartbeats:
    """Heartbeats of several agents.

    Attributes:
        secrets: The token of each agent; empty for none.
        expect: Statuses that the answer may have.
    """

    def __init__(self, secrets: list[str], *, expect: tuple[int, ...] = (200,)) -> None:
        self._headers = [f"Authorization: Bearer {secret}\r\n" if secret else "" for secret in secrets]
        self._expect = expect

    def __call__(self, connection: Connection, index: int) -> int:
        body = b'{"agent_id":"agent-%d","hostname":"h","os":"linux","arch":"amd64","capabilities":{"tool.git":"2.39"}}'
        header = self._headers[index]
        _, answer = connection.send("POST", "/api/v1/heartbeat", body % index, headers=header, expect=self._expect)
        if 200 in self._expect and json.loads(answer).get("accepted") is not True:
            raise Untrue("a heartbeat was not accepted")
        return 1


class Comparison:
    """A server without tokens and one with them, and who asks them."""

    def __init__(self, free: Served, guarded: Served, secrets: list[str], *, seconds: float) -> None:
        self._free, self._guarded, self._seconds = free, guarded, seconds
        self._without = Heartbeats([""] * AGENTS)
        self._right = Heartbeats(secrets)
        self._wrong = Heartbeats([_WRONG] * AGENTS, expect=(401, 429))

    def without(self) -> float:
        return rate(self._free.url, self._without, connections=AGENTS, seconds=self._seconds)

    def right(self) -> float:
        return rate(self._guarded.url, self._right, connections=AGENTS, seconds=self._seconds)

    def wrong(self) -> float:
        return rate(self._guarded.url, self._wrong, connections=AGENTS, seconds=self._seconds)


def main() -> None:
    arguments, report = options(__doc__)
    seconds, rounds = (0.5, 3) if arguments.quick else (2.0, 7)
    with (
        real_disk("bench-auth-") as open_home,
        real_disk("bench-auth-") as home,
        served(serve_cictl, str(open_home), 0, 0) as free,
        served(serve_guarded, str(home), AGENTS) as guarded,
    ):
        rates = Comparison(free, guarded, json.loads(Path(home, TOKENS).read_text()), seconds=seconds)
        for name, first, second, base, target in (
            ("heartbeat with a token", rates.without, rates.right, "without", ">= 0.9"),
            ("heartbeat with a wrong token", rates.right, rates.wrong, "a right one", ">= 1"),
        ):
            compared, found, ratio = in_turns(first, second, rounds=rounds)
            did = f"{base} {compared:,.0f}/s"
            report.add(Figure(name=name, value=found, unit="/s", ratio=ratio, base=base, target=target, did=did))


if __name__ == "__main__":
    main()
