"""What `--store` may say, and what is shown of it."""

from __future__ import annotations

import pytest

from cictl_server.errors import InvalidRequest
from cictl_server.postgres.address import DatabaseAddress


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("postgresql://u:secret@db:5433/ci", "postgresql://u@db:5433/ci", id="all"),
        pytest.param("postgres://db/ci", "postgresql://db/ci", id="the short scheme"),
        pytest.param("postgresql://u:se%2Fcr%40et@db/ci", "postgresql://u@db/ci", id="an encoded password"),
        pytest.param(
            "postgresql://db/ci?user=u&password=secret", "postgresql://u@db/ci", id="a password as a parameter"
        ),
        pytest.param("postgresql://a:1,b:2/ci", "postgresql://a,b:1,2/ci", id="two hosts"),
        pytest.param("postgresql://[::1]:5433/ci", "postgresql://::1:5433/ci", id="IPv6"),
        pytest.param("postgresql:///ci", "postgresql:///ci", id="the socket"),
    ],
)
def test_what_is_shown_has_no_password(url: str, shown: str) -> None:
    address = DatabaseAddress.parse(url)
    assert address.shown == shown
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("mysql://u:secret@db/ci", id="another scheme"),
        pytest.param("postgresql://u:sec@ret@db/ci", id="an @ in the password"),
        pytest.param("postgresql://u:secret/x@db/ci", id="a / in the password"),
        pytest.param("postgresql://u:secret@db:many/ci", id="no port"),
        pytest.param("postgresql://u:secret@db/ci?bogus=1", id="an unknown parameter"),
    ],
)
def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidRequest, match="--store") as caught:
        DatabaseAddress.parse(url)
    assert "sec" not in f"{caught.value} {caught.value.hint}"


def test_a_schema_is_an_option_of_the_url() -> None:
    address = DatabaseAddress.parse("postgresql://db/ci?options=-csearch_path%3Dteam")
    assert address.parameters["options"] == "-csearch_path=team"
