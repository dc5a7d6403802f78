"""Keys and the token of a start: known, unknown, and compared without leaking time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import pytest

from emstream.api_keys import hash_of
from emstream_gateway.auth import LOCAL, recognise
from tests.unit.emstream_gateway.conftest import Desk


@dataclass(frozen=True)
class AnnsKey:
    owner: str = "ann"
    scopes: Collection[str] = ("read",)


class OneKey:
    def check(self, secret: str) -> AnnsKey | None:
        return AnnsKey() if secret == "ems_ann" else None

    def find(self, is_it: Callable[[str], bool]) -> AnnsKey | None:
        return AnnsKey() if is_it(hash_of("ems_ann")) else None


def test_the_token_of_the_start_means_the_local_owner(desk: Desk) -> None:
    assert recognise(desk.context, "token") == LOCAL
    assert set(LOCAL.scopes) == {"read", "write"}


@pytest.mark.parametrize("secret", ["", "toke", "token ", "TOKEN", "é"])
def test_other_secrets_are_not_known(desk: Desk, secret: str) -> None:
    assert recognise(desk.context, secret) is None


def test_without_a_token_only_keys_count(desk: Desk) -> None:
    context = replace(desk.context, token="", keys=OneKey())
    assert recognise(context, "") is None
    assert recognise(context, "ems_bob") is None
    found = recognise(context, "ems_ann")
    assert found is not None
    assert found.owner == "ann"
