"""Addresses of HTTP servers."""

from __future__ import annotations

import pytest

from cictl.base.urls import (
    origin,
    repository_key,
    split_http,
    user_info_of,
    without_login,
    without_user_info,
    without_user_infos,
)


@pytest.mark.parametrize("url", ["http://h", "https://user:word@h:1/path?query#part", "http://[::1]:8112", "HTTP://H"])
def test_addresses_of_servers(url: str) -> None:
    assert split_http(url).hostname in ("h", "::1")


@pytest.mark.parametrize(
    "url",
    ["", "h:8112", "ftp://h", "file:///etc/passwd", "http://", "http://:80", "http://h:0", "http://h:x", "http://[x"],
)
def test_what_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="not an http or https URL"):
        split_http(url)


def test_a_refusal_shows_no_password() -> None:
    with pytest.raises(ValueError, match=r"^not an http or https URL: 'ftp://h'$"):
        split_http("ftp://me:word@h")


@pytest.mark.parametrize("other", ["http://H/path", "http://h:80", "http://me:word@h"])
def test_one_server_has_many_addresses(other: str) -> None:
    assert origin(split_http(other)) == origin(split_http("http://h"))


@pytest.mark.parametrize("other", ["https://h", "http://h:81", "http://h.example", "https://h:80"])
def test_other_servers_are_others(other: str) -> None:
    assert origin(split_http(other)) != origin(split_http("http://h"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h/a@b", "http://h/a@b"),
        ("http://me:word@h:1/a@b?c", "http://h:1/a@b?c"),
        ("http://me:wo@rd@h", "http://h"),
        ("http://me:w?r#d@h/", "http://h/"),
        ("http://me:w d@h", "http://h"),
        ("http://me:word@[x", "http://[x"),
        ("git@h:team/project", "git@h:team/project"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_user_info(url: str, shown: str) -> None:
    assert without_user_info(url) == shown


@pytest.mark.parametrize(
    ("url", "found"),
    [("http://h/a@b", ""), ("http://me:w@r#d@h", "me:w@r#d"), ("https://t0k@h/x", "t0k"), ("git@h:x", "")],
)
def test_the_user_info_of_a_url(url: str, found: str) -> None:
    assert user_info_of(url) == found


def test_what_is_hidden_can_be_marked() -> None:
    assert without_user_info("http://me@h/", instead="***@") == "http://***@h/"
    assert without_user_info("http://h/", instead="***@") == "http://h/"


def test_a_text_may_mention_several() -> None:
    assert without_user_infos("from http://a:b@h/x to https://c@i: no") == "from http://h/x to https://i: no"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:word@h/x", "https://h/x"),
        ("HTTPS://t0k@h/x", "HTTPS://h/x"),
        ("ssh://git@h/x", "ssh://git@h/x"),
        ("ssh://git:word@h/x", "ssh://git@h/x"),
        ("git@h:team/x", "git@h:team/x"),
        ("/srv/a@b", "/srv/a@b"),
        ("file:///srv/a@b", "file:///srv/a@b"),
        ("", ""),
    ],
)
def test_a_repository_is_shown_without_its_login(url: str, shown: str) -> None:
    assert without_login(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/tea/shop",
        "https://anna:secret@Example.com/tea/shop.git",
        "http://example.com:3000/tea/shop/",
        "ssh://git@example.com:2222/tea/shop.git",
        "git@example.com:tea/shop.git",
        "example.com:/tea/shop",
    ],
)
def test_ways_to_one_repository_have_one_key(url: str) -> None:
    assert repository_key(url) == "example.com/tea/shop"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/srv/shop.git", "/srv/shop"),
        ("file:///srv/shop", "/srv/shop"),
        ("C:/shop", "C:/shop"),
        ("./a:b", "./a:b"),
        ("", ""),
    ],
)
def test_a_path_is_its_own_key(path: str, key: str) -> None:
    assert repository_key(path) == key
