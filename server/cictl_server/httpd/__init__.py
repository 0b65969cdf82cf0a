"""What answers at the socket, by waitress or by granian: connections and their limits, bodies, and answers that are put aside.

It knows the application only as something to call.
"""
