"""The words that server, agent, client and CLI share: typed requests, responses and enums.

Every message of the API is a frozen msgspec Struct that encodes exactly as the contract says. A field without a default
is always on the wire; a field with one is left out while it holds its default ("omit-empty"). Nothing here does I/O.
"""
