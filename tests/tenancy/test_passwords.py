from __future__ import annotations

import asyncio
import unicodedata
from contextlib import suppress

import pytest
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY
from hypothesis import given
from hypothesis import strategies as st
from tests.support.people import HeldHasher
from tests.support.people_world import QUICK

from ponteio.model.outcome import LOGIN_THROTTLED, WEAK_PASSWORD, RefusalError
from ponteio.tenancy import passwords
from ponteio.tenancy.passwords import MAX_LENGTH, MIN_LENGTH, Passwords, check_strength


async def test_only_the_password_matches_its_hash() -> None:
    here = Passwords(QUICK)
    found = await here.hash("correct horse")
    assert found.startswith("$argon2id$")
    assert "horse" not in found
    assert await here.verify(found, "correct horse")
    assert not await here.verify(found, "correct horsf")
    assert not await here.verify("no hash", "correct horse")


async def test_the_same_text_in_another_spelling_of_unicode_matches() -> None:
    here = Passwords(QUICK)
    assert await here.verify(await here.hash("coração grande"), "corac\u0327a\u0303o grande")


async def test_nobody_has_no_password_and_costs_the_same_work() -> None:
    here = Passwords(QUICK)
    assert not await here.verify(None, "nobody")


async def test_what_is_hashed_today_has_the_profile_of_the_rfc() -> None:
    found = await Passwords().hash("correct horse")
    cost = RFC_9106_LOW_MEMORY
    assert f"m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}" in found
    assert not Passwords().is_outdated(found)
    assert Passwords().is_outdated(QUICK.hash("x"))


async def test_a_flood_is_turned_away_rather_than_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    """I7: 64 MiB each, two at once, and a queue with an end."""
    monkeypatch.setattr(passwords, "WAITING", 4)
    here = Passwords(PasswordHasher(time_cost=2, memory_cost=1024, parallelism=1))
    answers = await asyncio.gather(*(here.verify(None, "x") for _ in range(10)), return_exceptions=True)
    turned_away = [one for one in answers if isinstance(one, RefusalError)]
    assert {one.outcome for one in turned_away} == {LOGIN_THROTTLED}
    assert len(turned_away) == 6
    assert (await here.hash("room again")).startswith("$argon2id$")


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "a" * (MAX_LENGTH + 1),
        "aaaaaaaaaaaa",
        "abababababab",
        "1234567890",
        "Password123",
        "ana@example.com",
        "Ponteio1234"[:10],
    ],
)
def test_what_everybody_guesses_first_is_refused(password: str) -> None:
    with pytest.raises(RefusalError) as caught:
        check_strength(password, "ana@example.com", "ana", "Ana Souza")
    assert caught.value.outcome is WEAK_PASSWORD
    assert password == "" or password not in caught.value.detail


@given(st.text(max_size=2 * MAX_LENGTH))
def test_any_text_is_judged_and_never_quoted(password: str) -> None:
    with suppress(RefusalError):
        check_strength(password, "ana@example.com")
        assert MIN_LENGTH <= len(unicodedata.normalize("NFC", password)) <= MAX_LENGTH


def test_phrases_are_welcome_without_classes_of_characters() -> None:
    check_strength("quatro palavras sem sentido", "ana@example.com")


async def test_who_goes_away_makes_no_room_for_one_more() -> None:
    """I7: two at once, whatever their callers do; a thread cannot be stopped."""
    hasher = HeldHasher()
    here, known = Passwords(hasher), QUICK.hash("x")
    gone = [asyncio.create_task(here.verify(known, "x")) for _ in range(2)]
    await hasher.holds(2)
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    third = asyncio.create_task(here.verify(known, "x"))
    with suppress(TimeoutError):  # Were there room, it would be taken within milliseconds.
        async with asyncio.timeout(0.2):
            await hasher.holds(3)
    assert hasher.most == 2
    hasher.release.set()
    assert await third
    assert hasher.most == 2


async def test_what_is_longer_than_any_password_matches_none() -> None:
    here = Passwords(QUICK)
    longest = "ab" * (MAX_LENGTH // 2)
    assert await here.verify(await here.hash(longest), longest)
    assert not await here.verify(await here.hash(longest), longest + "c")
