from __future__ import annotations

import re

import pytest

from ponteio.model import outcome
from ponteio.model.outcome import CATALOGUE, NOT_FOUND, Outcome, RefusalError


def test_every_outcome_is_in_the_catalogue_under_its_code() -> None:
    named = {name: value for name, value in vars(outcome).items() if isinstance(value, Outcome)}
    assert {value.code for value in named.values()} == set(CATALOGUE)
    assert all(name == value.code.upper() for name, value in named.items())
    assert all(code == value.code for code, value in CATALOGUE.items())


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.code)
def test_an_outcome_is_a_stable_code_a_status_and_a_sentence(entry: Outcome) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", entry.code)
    assert 400 <= entry.status < 600
    assert re.fullmatch(r"[A-Z].+\.", entry.title)


def test_a_code_cannot_be_given_twice() -> None:
    with pytest.raises(ValueError, match="named twice"):
        outcome._add(NOT_FOUND.code, 404, "Again.")


def test_a_refusal_carries_its_outcome_and_says_the_title_by_default() -> None:
    error = RefusalError(NOT_FOUND)
    assert (error.outcome, error.detail, error.extra) == (NOT_FOUND, NOT_FOUND.title, {})
    assert str(error) == f"not_found: {NOT_FOUND.title}"


def test_a_refusal_may_say_more() -> None:
    extra = {"hint": "set it"}
    error = RefusalError(NOT_FOUND, "No instance alpha.", extra)
    extra["hint"] = "changed afterwards"
    assert (error.detail, error.extra) == ("No instance alpha.", {"hint": "set it"})
    assert str(error) == "not_found: No instance alpha."
