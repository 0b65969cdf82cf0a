"""What answers at the socket, by waitress or by granian: connections and their limits, bodies, and answers that are put aside.

It knows the application only as something to call. A request meets these, in this order, where waitress answers:

    accepting      takes its connection, which gets one of the `places`
    loop           waits for all sockets in one thread, reads and parses (`incoming`, `malformed`); only this thread closes any
    admission      says how much of its body is taken
    turns          lets it wait, if it asks for a page and others do already
    workers        a thread calls the application (`tasks`), and sends the answer itself as far as the client takes it
    parking        keeps an answer that has nothing to tell, without a thread, until it goes back to the workers
    loop, unread   send the rest as the client takes it, or let go of who takes nothing

`connections` has the state of one connection, which all of them share; `waitress_server` puts them together.
"""
