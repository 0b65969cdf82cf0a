"""Concurrency groups: only so many runs of one, or executions, go on at once, in the order of their runs.

Whoever is in a group stands in its line first (`group_blocked`, `run_group_blocked`) and is let in when there is a place, which it
has until it is over. Leasing never looks at groups: what stands in a line is blocked, as what waits for its needs.

Nothing waits for ever. Who has a place in the group of an execution is ready, so it waits for agents alone. A run has its place
before its executions stand in lines of their own. What stands before others in a line, although it is not ready, belongs to an
older run, and what that waits for does so too.
"""
