"""The program `cictl`: each room below is a noun of it; only commands.here knows the server and the agent."""
