"""Admins, agents, a network, time, restarts and kills do what they like; the server's promises hold after every step.

The suite tries six runs of each machine, the same ones each time. CICTL_TEST_STATE_MACHINES=200 is for a long run by hand, which also
looks for the shortest way to a failure; CICTL_TEST_STORE=postgresql does it on that store.
"""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.state_machine.approval_machine import ApprovalMachine
from cictl_testing.state_machine.machine import Define, ServerMachine, Steps
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

PIPELINES = (
    '[{id: one, steps: [{run: "true"}]}]',
    '[{id: a, steps: [{run: "true"}]}, {id: b, needs: [a], steps: [{run: "true"}]}, {id: c, needs: [b], steps: [{run: "true"}]}]',
    """[{id: test, matrix: {include: [{name: x}, {name: y}]}, steps: [{run: "true"}]},
        {id: ship, needs: [test], steps: [{run: "true"}]}]""",
    """[{id: a, timeout_seconds: 20, steps: [{run: "true"}]}, {id: g, runs_on: {gpu: "yes"}, steps: [{run: "true"}]},
        {id: z, needs: [a, g], steps: [{run: "true"}]}]""",
    """[{id: row, matrix: {axes: {v: [x, y, z]}, max_parallel: 1, fail_fast: true}, steps: [{run: "true"}]},
        {id: may, allow_failure: true, if: event, steps: [{run: "true"}]}, {id: never, if: tag, steps: [{run: "true"}]},
        {id: mourn, needs: [row], if: failure(), steps: [{run: "true"}]},
        {id: end, needs: [row, may, never], if: always(), steps: [{run: "true"}]}]""",
)

CHAIN = """pipelines:
  - {id: base, jobs: [{id: one, steps: [{run: "true"}]}, {id: two, steps: [{run: "true"}]}]}
  - {id: next, depends_on: [base], jobs: [{id: l, steps: [{run: "true"}]}, {id: m, needs: [l], steps: [{run: "true"}]}]}
  - {id: top, depends_on: [next], jobs: [{id: t, steps: [{run: "true"}]}]}
pipeline_chains: [{id: all, pipelines: [base, next, top]}]"""

RULES = {
    "an_admin_changes_an_execution",
    "an_admin_starts_a_run_or_stops_an_agent",
    "an_agent_asks_or_dies",
    "an_agent_works",
    "an_old_request_arrives",
    "everything_ends",
    "time_passes",
}
ENOUGH = 6
"""Hypothesis leaves some rules out of each machine; so many machines together try all."""
MACHINES = int(os.environ.get("CICTL_TEST_STATE_MACHINES", str(ENOUGH)))
PHASES = [Phase.generate, Phase.shrink] if "CICTL_TEST_STATE_MACHINES" in os.environ else [Phase.generate]

POLICIES = """pipelines:
  - {id: takes-turns, concurrency: {group: turns}, jobs: [{id: a, steps: [{run: x}]}, {id: b, needs: [a], steps: [{run: x}]}]}
  - {id: in-pairs, concurrency: {group: pairs, limit: 2}, jobs: [{id: a, matrix: {axes: {v: [x, y]}}, locks: [p], steps: [{run: x}]}]}
  - id: replaces
    concurrency: {group: newest, on_new: replace_waiting}
    jobs: [{id: a, steps: [{run: x}]}, {id: b, needs: [a], steps: [{run: x}]}]
  - id: cancels
    concurrency: {group: only, on_new: cancel_running}
    jobs: [{id: a, steps: [{run: x}], retry: {on: [agent_lost]}}, {id: b, steps: [{run: x}]}]
  - id: ships
    jobs:
      - {id: make, locks: [p], steps: [{run: x}]}
      - {id: ship, needs: [make], concurrency: {group: live}, steps: [{run: x}], retry: {on: [agent_lost]}}
      - {id: rows, matrix: {axes: {v: [x, y]}, max_parallel: 1}, concurrency: {group: live}, steps: [{run: x}]}
      - {id: swift, needs: [make], concurrency: {group: swift, on_new: cancel_running}, steps: [{run: x}]}
  - {id: locks, jobs: [{id: p, locks: [p], steps: [{run: x}]}, {id: q, locks: [p, q], steps: [{run: x}]}]}
  - {id: top, depends_on: [takes-turns], concurrency: {group: turns}, jobs: [{id: t, locks: [q], steps: [{run: x}]}]}
pipeline_chains: [{id: all, pipelines: [takes-turns, top]}]"""


APPROVALS = """pipelines:
  - id: ships
    jobs:
      - {id: make, steps: [{run: x}]}
      - {id: ship, needs: [make], approval: {timeout_seconds: 60}, steps: [{run: x}],
         matrix: {axes: {to: [eu, us]}, max_parallel: 1, fail_fast: true}}
      - {id: tell, needs: [ship], if: always(), steps: [{run: x}]}
  - {id: asks-twice, jobs: [{id: a, approval: {}, steps: [{run: x}]}, {id: b, needs: [a], approval: {roles: [viewer]}, steps: [{run: x}]}]}
  - id: takes-turns
    concurrency: {group: t}
    jobs:
      - {id: a, approval: {}, concurrency: {group: g, on_new: cancel_running}, retry: {on: [agent_lost]}, steps: [{run: x}]}
      - {id: b, concurrency: {group: g}, steps: [{run: x}]}
  - {id: top, depends_on: [ships], jobs: [{id: t, approval: {}, steps: [{run: x}]}]}
pipeline_chains: [{id: all, pipelines: [ships, top]}]"""


def waits(server: RunningServer) -> tuple[list[int], int]:
    """Define needs, rows, conditions, chains."""
    return [server.define(jobs) for jobs in PIPELINES], server.define_project(CHAIN)["all"]


def policies(server: RunningServer) -> tuple[list[int], int]:
    """Define concurrency groups and locks, all in one project."""
    ids = server.define_project(POLICIES)
    names = ("takes-turns", "in-pairs", "replaces", "cancels", "ships", "locks")
    return [ids[name] for name in names], ids["all"]


def approvals(server: RunningServer) -> tuple[list[int], int]:
    """Define jobs that wait for approvals, also in matrices, groups and chains."""
    ids = server.define_project(APPROVALS)
    return [ids[name] for name in ("ships", "asks-twice", "takes-turns")], ids["all"]


OF_PEOPLE = {"somebody_decides", "a_run_is_held", "an_agent_drains", "an_agent_can_not_begin"}


@pytest.mark.slow
@pytest.mark.timeout(max(900, 60 * MACHINES))
@pytest.mark.parametrize(
    ("kind", "define", "rules"),
    [
        pytest.param(ServerMachine, waits, RULES, id="waits"),
        pytest.param(ServerMachine, policies, RULES, id="policies"),
        pytest.param(ApprovalMachine, approvals, RULES | OF_PEOPLE, id="approvals"),
    ],
)
def test_the_promises_hold_whatever_happens(
    tmp_path: Path, kind: type[ServerMachine], define: Define, rules: set[str]
) -> None:
    steps = Steps()
    numbers = count()

    class Machine(kind):  # type: ignore[valid-type, misc]
        def __init__(self) -> None:
            super().__init__(tmp_path / str(next(numbers)), steps, define)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=MACHINES,
            phases=PHASES,
            stateful_step_count=48,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    if MACHINES >= ENOUGH:
        assert steps.rules == rules
    assert steps.count >= 40 * MACHINES
