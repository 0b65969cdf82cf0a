"""The ids of agents. They are shown on terminals, typed in commands and put into paths and headers."""

from __future__ import annotations

MOST_CHARACTERS = 128
RULE = f"must have 1 to {MOST_CHARACTERS} printable ASCII characters, with no blank at either end"


def is_agent_id(text: str) -> bool:
    """Tell whether an agent can have this id.

    Ours need only `[A-Za-z0-9._:-]`. Reference agents send what their operator wrote, such as `Build Mac #2`.
    """
    return 0 < len(text) <= MOST_CHARACTERS and text.isascii() and text.isprintable() and text == text.strip()
