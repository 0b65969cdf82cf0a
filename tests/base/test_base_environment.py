"""Settings in the environment."""

from __future__ import annotations

import pytest

from cictl.base.system.environment import find_setting, setting


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, ("", "")),
        ({"X": "1"}, ("", "")),
        ({"CIWI_X": "theirs"}, ("theirs", "CIWI_X")),
        ({"CIWI_X": "theirs", "CICTL_X": "ours"}, ("ours", "CICTL_X")),
        ({"CIWI_X": " theirs\n", "CICTL_X": " "}, ("theirs", "CIWI_X")),
    ],
)
def test_our_name_wins_and_blanks_are_nothing(environ: dict[str, str], found: tuple[str, str]) -> None:
    assert find_setting(environ, "X") == found
    assert setting(environ, "X") == found[0]
