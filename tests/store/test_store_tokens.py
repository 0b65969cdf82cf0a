"""Tokens in the store: found by their digest, whatever happened to them."""

from __future__ import annotations

import pytest
from cictl_testing.stores.records import MOMENT
from cictl_testing.stores.reopening import Reopenable
from msgspec.structs import replace

from cictl.wire.admin.access import Role
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.settings import TokenRecord

TOKEN = TokenRecord(id=1, name="anna", role=Role.VIEWER, digest="d1", last_four="wxyz", created=MOMENT)


def with_digest(store: Store, digest: str) -> TokenRecord | None:
    with store.read() as view:
        return view.tokens.with_digest(digest)


def put(store: Store, token: TokenRecord) -> None:
    store.write(lambda tx: tx.tokens.put(token))


def test_a_token_is_found_by_its_digest(place: Reopenable) -> None:
    put(place.store, TOKEN)
    assert with_digest(place.store, "d1") == TOKEN
    assert with_digest(place.store, "d2") is None
    place.reopen()
    assert with_digest(place.store, "d1") == TOKEN


def test_a_new_digest_replaces_the_old_one(store: Store) -> None:
    put(store, TOKEN)
    put(store, replace(TOKEN, digest="d2"))
    assert with_digest(store, "d1") is None
    assert with_digest(store, "d2") == replace(TOKEN, digest="d2")


def test_a_change_that_did_not_happen_is_not_found(store: Store) -> None:
    put(store, TOKEN)

    def change_and_fail() -> None:
        def change(tx: Transaction) -> None:
            tx.tokens.put(replace(TOKEN, digest="d2"))
            tx.tokens.put(replace(TOKEN, id=2, digest="d3"))
            raise ZeroDivisionError

        store.write(change)

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert with_digest(store, "d1") == TOKEN
    assert (with_digest(store, "d2"), with_digest(store, "d3")) == (None, None)


def test_a_deleted_token_is_not_found(store: Store) -> None:
    put(store, TOKEN)

    def change(tx: Transaction) -> None:
        assert tx.tokens.delete(1)

    store.write(change)
    assert with_digest(store, "d1") is None
