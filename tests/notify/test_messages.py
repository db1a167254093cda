from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from ponteio.model.alert import (
    AlertRule,
    Condition,
    Hours,
    Incident,
    Language,
    Maker,
    QuietHours,
    RuleTerms,
    Subject,
    SubjectKind,
)
from ponteio.notify.channel import Urgency
from ponteio.notify.incident_machine import Move
from ponteio.notify.messages import MAX_SUMMED_UP, Wording, machine_words

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
WORDING = Wording("https://ponteio.example/", lambda server_id: {"main": "Main"}.get(server_id, server_id))
SAO_PAULO = Hours(frozenset(range(7)), 0, 0, "America/Sao_Paulo")
SHOP = Incident(
    *("org_acme", "inc_1", "alr_1", "Shops", Condition.DOWN, Subject(SubjectKind.INSTANCE, "loja-01")),
    *(NOW - timedelta(hours=2, minutes=5), NOW, NOW),
    reason="state_close",
    instances=("loja-01",),
    instance_count=1,
)
TERMS = RuleTerms(Condition.DOWN, hours=SAO_PAULO)


@pytest.mark.parametrize(
    ("move", "title", "kind", "urgency"),
    [
        (Move.OPENED, "loja-01 is down", "alert.firing", Urgency.HIGH),
        (Move.REOPENED, "Again: loja-01 is down", "alert.firing", Urgency.HIGH),
        (Move.REMINDED, "Still: loja-01 is down", "alert.reminder", Urgency.NORMAL),
        (Move.RESOLVED, "Resolved: loja-01 is down", "alert.resolved", Urgency.NORMAL),
    ],
)
def test_each_move_has_its_words(move: Move, title: str, kind: str, urgency: Urgency) -> None:
    told = WORDING.told(SHOP, TERMS, move, NOW)
    assert (told.title, told.kind, told.urgency) == (title, kind, urgency)
    assert told.url == "https://ponteio.example/incidents/inc_1"


def test_a_body_says_since_when_by_the_clocks_of_the_rule() -> None:
    opened = WORDING.told(replace(SHOP, flaps=2), TERMS, Move.OPENED, NOW).body
    assert opened == (
        "Since 2026-11-24 09:55 (America/Sao_Paulo): the WhatsApp connection is closed. It came back 2 times."
    )
    quiet = replace(TERMS, hours=None, quiet=QuietHours(SAO_PAULO), language=Language.PT_BR)
    ended = WORDING.told(replace(SHOP, resolved_at=NOW), quiet, Move.RESOLVED, NOW)
    assert ended.body == "Durou 2 h 5 min, desde 24/11/2026 09:55 (America/Sao_Paulo)."
    assert "(UTC)" in WORDING.told(SHOP, RuleTerms(Condition.DOWN), Move.OPENED, NOW).body


@pytest.mark.parametrize(
    ("changes", "english", "portuguese"),
    [
        (
            {"subject": Subject(SubjectKind.SERVER, "main"), "instance_count": 30},
            "Server Main does not answer: 30 instances are not heard",
            "O servidor Main não responde: 30 instâncias sem comunicação",
        ),
        (
            {"subject": Subject(SubjectKind.SERVER, "srv_2")},
            "Server srv_2 does not answer: 1 instance is not heard",
            "O servidor srv_2 não responde: 1 instância sem comunicação",
        ),
        (
            {"subject": Subject(SubjectKind.LIMIT, "too_many_links"), "condition": Condition.LIMIT},
            "Limit reached: too_many_links",
            "Limite atingido: too_many_links",
        ),
        (
            {"subject": Subject(SubjectKind.EVENTS), "condition": Condition.EVENT, "event_count": 1},
            "1 event matches a rule (Shops)",
            "1 evento corresponde a uma regra (Shops)",
        ),
        (
            {"subject": Subject(SubjectKind.EVENTS), "event_count": 2, "rule_name": ""},
            "2 events match a rule",
            "2 eventos correspondem a uma regra",
        ),
    ],
)
def test_headlines(changes: dict[str, object], english: str, portuguese: str) -> None:
    incident = replace(SHOP, **changes)  # type: ignore[arg-type]
    assert WORDING.headline(incident, Language.EN) == english
    assert WORDING.headline(incident, Language.PT_BR) == portuguese


def test_content_is_told_only_where_it_was_chosen_and_apart() -> None:
    """I5: no text of a message stands in a title, a body or what machines read."""
    incident = replace(SHOP, condition=Condition.EVENT, subject=Subject(SubjectKind.EVENTS), event_count=1)
    chosen = RuleTerms(Condition.EVENT, filter="event:call", include_content=True)
    told = WORDING.told(incident, chosen, Move.OPENED, NOW, "the secret words")
    assert told.content == "the secret words"
    assert "secret" not in told.title + told.body + orjson.dumps(dict(told.data)).decode()
    assert "Counted within 5 min" in told.body
    assert WORDING.told(incident, chosen, Move.RESOLVED, NOW, "the secret words").content == ""
    unchosen = replace(chosen, include_content=False)
    assert WORDING.told(incident, unchosen, Move.OPENED, NOW, "the secret words").content == ""


def test_a_test_says_so() -> None:
    rule = AlertRule("org_acme", "alr_1", replace(TERMS, channels=("chn_1",)), Maker("usr_1", False), NOW, NOW)
    told = WORDING.test(rule, {"chn_1": "phones"}, NOW)
    assert (told.title, told.kind) == ("[Test] an alert rule", "alert.test")
    assert told.body.startswith("Nothing has happened. The rule: When any instance is down")
    assert told.body.endswith("→ phones.")
    named = replace(rule, terms=replace(rule.terms, name="Lojas", language=Language.PT_BR))
    assert WORDING.test(named, {}, NOW).title == "[Teste] Lojas"


def test_a_summary_tells_what_is_open_first_and_the_rest_by_number() -> None:
    ended = replace(SHOP, resolved_at=NOW)
    many = [ended] * (MAX_SUMMED_UP + 3)
    told = WORDING.summary("org_acme", [*many, SHOP], Language.EN)
    assert told.title == f"While it was quiet: {MAX_SUMMED_UP + 4} incidents, 1 still open"
    lines = told.body.splitlines()
    assert lines[0] == "loja-01 is down: open since 2026-11-24 12:55 (UTC)"
    assert lines[1] == "loja-01 is down: over, it lasted 2 h 5 min"
    assert (lines[-1], len(lines)) == ("and 4 more", MAX_SUMMED_UP + 1)
    assert told.urgency is Urgency.HIGH
    calm = WORDING.summary("org_acme", [ended], Language.PT_BR)
    assert (calm.title, calm.urgency) == ("No horário de silêncio: 1 incidente, 0 em aberto", Urgency.NORMAL)


def test_machines_are_told_the_same_in_words_of_their_own() -> None:
    found = machine_words(replace(SHOP, resolved_at=NOW))
    assert (found["state"], found["resolved_at"]) == ("resolved", "2026-11-24T15:00:00.000Z")
    assert found["subject"] == {"kind": "instance", "name": "loja-01"}
    assert machine_words(SHOP)["resolved_at"] is None
    orjson.dumps(found)
