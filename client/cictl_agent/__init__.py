"""The agent: leases job executions from a server and runs them.

`Agent(config).run(stop)` works until *stop* is set; see `agent.py`.
"""
