"""Every text of a diagnosis stands in both languages, and says the same with the same values."""

from __future__ import annotations

from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.diagnosis import (
    ADVICE,
    EVIDENCE,
    HOUSE_STEPS,
    STEPS,
    Finding,
    Language,
    Verdict,
    joined,
    language_of,
    overall,
)
from ponteio.model.diagnosis_actions import ACTIONS
from ponteio.model.diagnosis_event_evidence import EVENT_EVIDENCE
from ponteio.model.diagnosis_evidence import WAY_EVIDENCE
from ponteio.model.diagnosis_house import HOUSE_ACTIONS, HOUSE_EVIDENCE

TEXTS = [
    *(pytest.param(text, id=f"evidence {name}") for name, text in EVIDENCE.items()),
    *(pytest.param(text, id=f"action {name}") for name, text in ADVICE.items()),
]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("text", TEXTS)
def test_each_text_is_there_in_both_languages_with_the_same_values(text: tuple[str, str]) -> None:
    english, portuguese = text
    assert english
    assert portuguese
    assert placeholders(portuguese) == placeholders(english)


def test_every_id_names_a_step_and_stands_in_one_catalogue_only() -> None:
    assert {name.partition(".")[0] for name in (*WAY_EVIDENCE, *EVENT_EVIDENCE)} - {"any"} == set(STEPS)
    assert {name.partition(".")[0] for name in HOUSE_EVIDENCE} == set(HOUSE_STEPS)
    assert {name.partition(".")[0] for name in ADVICE} <= {"any", *STEPS, *HOUSE_STEPS}
    assert len(EVIDENCE) == len(WAY_EVIDENCE) + len(EVENT_EVIDENCE) + len(HOUSE_EVIDENCE)
    assert len(ADVICE) == len(ACTIONS) + len(HOUSE_ACTIONS)


def test_addresses_are_told_to_the_operator_alone() -> None:
    finding = Finding(
        "address",
        Verdict.OK,
        ("address.resolved",),
        private=("address.shown",),
        values={"count": 1, "addresses": "192.0.2.7"},
    )
    assert "192.0.2.7" not in finding.told(Language.EN).evidence
    told = finding.told(Language.PT, sees_addresses=True)
    assert told.evidence == "O nome do servidor leva a 1 endereço(s). São: 192.0.2.7."
    assert (told.reason, told.action) == ("resolved", None)


def test_of_several_findings_the_worst_comes_first() -> None:
    fine = Finding("settings", Verdict.OK, ("settings.global",), values={"url_setting": "other", "more": 1})
    bad = Finding(
        "settings", Verdict.WARN, ("settings.path_odd",), ("settings.cut_path",), values={"url_setting": "EVOLUTION"}
    )
    both = joined([fine, bad])
    assert (both.verdict, both.evidence) == (Verdict.WARN, ("settings.path_odd", "settings.global"))
    assert both.reason == "path_odd"
    assert "EVOLUTION" in str(both.told(Language.EN).action)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], Verdict.OK),
        ([Verdict.SKIPPED], Verdict.OK),
        ([Verdict.OK, Verdict.WARN, Verdict.SKIPPED], Verdict.WARN),
        ([Verdict.FAIL, Verdict.WARN], Verdict.FAIL),
    ],
)
def test_a_walk_is_as_good_as_its_worst_step(verdicts: list[Verdict], expected: Verdict) -> None:
    assert overall(verdicts) is expected


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("", Language.EN),
        ("pt", Language.PT),
        ("pt-BR,pt;q=0.9,en;q=0.8", Language.PT),
        ("en;q=0.3, pt-PT;q=0.5", Language.PT),
        ("de, fr;q=0.9", Language.EN),
        ("pt;q=0", Language.EN),
        ("pt;q=no", Language.EN),
        ("pt;level=1", Language.PT),
        ("PT-br", Language.PT),
        ("en, pt", Language.EN),
    ],
)
def test_the_language_is_the_one_that_is_liked_best(wanted: str, language: Language) -> None:
    assert language_of(wanted) is language


@given(st.text())
def test_no_header_breaks_the_choice(wanted: str) -> None:
    assert language_of(wanted) in Language
