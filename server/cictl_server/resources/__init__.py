"""One file a noun of the API: a responder decodes, calls one service, and encodes. No rules."""
