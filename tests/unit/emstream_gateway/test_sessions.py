"""Sessions and guesses: what opens a door, for how long, and how often one may try."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.api.problems import TooManyGuesses
from emstream.api_keys import hash_of
from emstream_gateway.sessions import (
    FORGET_S,
    FREE_GUESSES,
    GUESS_EVERY_S,
    LONGEST_WAIT_S,
    SESSION_S,
    Guesses,
    Sessions,
)

KEY, OTHER = hash_of("ems_ann"), hash_of("ems_bob")


def test_a_session_is_found_by_its_key_and_shows_nothing_of_it() -> None:
    sessions = Sessions(b"secret")
    cookie = sessions.make(KEY)
    is_key = sessions.key_of(cookie)
    assert is_key is not None
    assert (is_key(KEY), is_key(OTHER)) == (True, False)
    assert "ems_ann" not in cookie
    assert KEY not in cookie
    assert cookie != sessions.make(KEY)


def test_a_session_outlives_a_restart_but_no_other_secret() -> None:
    cookie = Sessions(b"secret").make(KEY)
    assert Sessions(b"secret").key_of(cookie) is not None
    assert Sessions(b"another").key_of(cookie) is None


def test_a_session_ends_after_seven_days_and_none_comes_from_the_future() -> None:
    cookie = Sessions(b"secret", lambda: 1000.0).make(KEY)
    assert Sessions(b"secret", lambda: 1000.0 + SESSION_S - 61).key_of(cookie) is not None
    assert Sessions(b"secret", lambda: 1000.0 + SESSION_S).key_of(cookie) is None
    assert Sessions(b"secret", lambda: 900.0).key_of(cookie) is None


@given(place=st.integers(0, 200), letter=st.sampled_from("0123456789abcdef.x\x00é"))
def test_a_session_with_one_letter_changed_opens_nothing(place: int, letter: str) -> None:
    sessions = Sessions(b"secret")
    cookie = sessions.make(KEY)
    changed = cookie[:place] + letter + cookie[place + 1 :]
    assert changed == cookie or sessions.key_of(changed) is None


@pytest.mark.parametrize("cookie", ["", "1", "1....", "ems_ann", "1.0.0.0.0", "x" * 10_000])
def test_what_is_no_session_opens_nothing(cookie: str) -> None:
    assert Sessions(b"secret").key_of(cookie) is None


def test_guesses_wait_after_the_free_ones_and_known_keys_never() -> None:
    now = 0.0
    guesses = Guesses(lambda: now)
    guesses.note("here", KEY, is_known=True)
    for number in range(FREE_GUESSES):
        assert guesses.wait_s("here", hash_of(str(number))) == 0
        guesses.note("here", hash_of(str(number)), is_known=False)
    assert guesses.wait_s("here", OTHER) == GUESS_EVERY_S
    assert guesses.wait_s("here", OTHER) == 2 * GUESS_EVERY_S
    assert guesses.wait_s("here", KEY) == 0
    assert guesses.wait_s("elsewhere", OTHER) == 0
    now += FORGET_S + 1
    assert guesses.wait_s("here", OTHER) == 0


def test_guesses_at_once_are_refused_beyond_the_longest_wait() -> None:
    guesses = Guesses(lambda: 0.0)
    for number in range(FREE_GUESSES):
        guesses.note("here", str(number), is_known=False)
    for _ in range(int(LONGEST_WAIT_S / GUESS_EVERY_S)):
        guesses.wait_s("here", OTHER)
    with pytest.raises(TooManyGuesses, match="wait a minute"):
        guesses.wait_s("here", OTHER)


def test_a_key_that_is_no_longer_known_waits_like_others() -> None:
    guesses = Guesses(lambda: 0.0)
    guesses.note("here", KEY, is_known=True)
    for _ in range(FREE_GUESSES):
        guesses.note("here", KEY, is_known=False)
    assert guesses.wait_s("here", KEY) > 0
