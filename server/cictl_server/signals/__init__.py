"""What several servers on the same data tell each other: that something changed, who is alive, what is ordered.

Services stand on the contract alone. `memory` is for a server that is alone, `postgres` for any number of them.
"""
