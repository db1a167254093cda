from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ponteio.model.alert import AlertRule, Condition, Hours, Incident, Maker, RuleTerms, Subject, SubjectKind
from ponteio.notify.incident_machine import Move, Phase
from ponteio.notify.talk_hours import TalkHours
from ponteio.notify.watch_options import WatchOptions
from ponteio.notify.watch_rule import Finding, RuleWatch, began
from ponteio.notify.watch_survey import Fault, Quiet, Survey

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHOP = Subject(SubjectKind.INSTANCE, "loja-01")
TALK = TalkHours(None)  # type: ignore[arg-type]


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def rule(condition: Condition = Condition.DOWN, **terms: Any) -> AlertRule:
    made = RuleTerms(condition, **terms)
    return AlertRule("org_acme", "alr_1", made, Maker("usr_1", False), NOW, NOW)


def watch(condition: Condition = Condition.DOWN, **terms: Any) -> RuleWatch:
    return RuleWatch(rule(condition, **terms), WatchOptions(), NOW)


def incident(finding: Finding) -> Incident:
    fault = finding.fault
    assert fault is not None
    return Incident("org_acme", "inc_1", "alr_1", "", Condition.DOWN, finding.subject, NOW, NOW, NOW, fault.reason)


def down(*faults: tuple[Subject, Fault]) -> Survey:
    return Survey(down=dict(faults))


def test_what_was_not_written_down_is_found_again() -> None:
    watched = watch(for_s=0)
    trouble = down((SHOP, Fault(NOW, "state_close", ("loja-01",))))
    (first,) = watched.look(trouble, TALK, at(1))
    (again,) = watched.look(trouble, TALK, at(2))
    assert (first.move, again.move) == (Move.OPENED, Move.OPENED)
    watched.settle(again, incident(again))
    assert list(watched.look(trouble, TALK, at(3))) == []


def test_an_incident_of_which_nothing_can_be_seen_stays_as_it_is() -> None:
    watched = watch(for_s=0)
    (found,) = watched.look(down((SHOP, Fault(NOW, "state_close", ("loja-01",)))), TALK, at(1))
    watched.settle(found, incident(found))
    assert list(watched.look(Survey(unseen={"loja-01"}), TALK, at(1_000))) == []
    assert watched.watched[SHOP].memory.phase is Phase.OPEN
    watched_moves = [list(watched.look(Survey(), TALK, at(seconds))) for seconds in (2_000, 2_030)]
    assert [found.move for found in watched_moves[1]] == [Move.RESOLVED]


def test_a_rule_about_some_instances_sees_those_alone() -> None:
    watched = watch(for_s=0, instances=("loja-01", "loja-03"))
    server = Subject(SubjectKind.SERVER, "main")
    other = Subject(SubjectKind.SERVER, "other")
    trouble = down(
        (Subject(SubjectKind.INSTANCE, "loja-02"), Fault(NOW, "state_close", ("loja-02",))),
        (server, Fault(NOW, "server_unreachable", ("loja-01", "loja-02"))),
        (other, Fault(NOW, "server_unreachable", ("loja-04",))),
    )
    (found,) = watched.look(trouble, TALK, at(1))
    assert (found.subject, found.fault) == (server, Fault(NOW, "server_unreachable", ("loja-01",)))


def test_what_is_not_worth_remembering_is_not_remembered() -> None:
    watched = watch()
    trouble = down((SHOP, Fault(NOW, "state_close", ("loja-01",))))
    assert list(watched.look(trouble, TALK, at(1))) == []
    assert SHOP in watched.watched
    assert list(watched.look(Survey(), TALK, at(2))) == []
    assert watched.watched == {}


def test_silence_counts_within_the_hours_of_the_rule() -> None:
    hours = Hours(frozenset(range(7)), 13 * 60, 18 * 60, "UTC")
    watched = watch(Condition.SILENT, for_s=600, hours=hours)
    quiet = Survey(quiet={"loja-01": Quiet(NOW, NOW)})
    moments = [13 * 3600 - 1, 13 * 3600, 13 * 3600 + 599, 13 * 3600 + 600]
    noon = NOW.replace(hour=0)
    found = [list(watched.look(quiet, TALK, noon + timedelta(seconds=seconds))) for seconds in moments]
    assert [len(one) for one in found] == [0, 0, 0, 1]


def test_silence_counts_in_usual_hours() -> None:
    talk = TalkHours(None)  # type: ignore[arg-type]
    for week in (1, 2):
        talk.note("org_acme", "loja-01", NOW - timedelta(weeks=week))
    watched = watch(Condition.SILENT, for_s=600, usual_hours=True)
    quiet = Survey(quiet={"loja-01": Quiet(at(-7_200), at(-7_200)), "loja-02": Quiet(at(-7_200), at(-7_200))})
    assert list(watched.look(quiet, talk, at(599))) == []
    (found,) = watched.look(quiet, talk, at(600))
    assert found.subject == SHOP
    assert list(watch(Condition.SILENT, for_s=600, usual_hours=True).look(quiet, talk, at(-60))) == []


def test_hours_began_at_their_last_beginning() -> None:
    hours = Hours(frozenset({0, 1, 2, 3, 4}), 8 * 60, 18 * 60, "America/Sao_Paulo")
    assert began(rule(hours=hours), NOW) == NOW.replace(hour=11)
    assert began(rule(hours=hours), NOW.replace(hour=10)) is None
    assert began(rule(), NOW) is None
    always = Hours(frozenset(range(7)), 0, 0, "UTC")
    assert began(rule(hours=always), NOW) == NOW - timedelta(days=8)


def test_incidents_of_an_earlier_watch_are_taken_over() -> None:
    base = Incident("org_acme", "inc_1", "alr_1", "", Condition.DOWN, SHOP, NOW, NOW, NOW, "state_close", flaps=2)
    cases = [
        (base, Phase.OPEN),
        (Incident(**{**fields_of(base), "resolved_at": at(0), "is_dismissed": True}), Phase.DISMISSED),
        (Incident(**{**fields_of(base), "resolved_at": at(0)}), Phase.CALM),
    ]
    for left, phase in cases:
        watched = watch()
        watched.restore(left, at(10))
        assert (watched.watched[SHOP].memory.phase, watched.watched[SHOP].memory.flaps) == (phase, 2)
    watched = watch()
    watched.restore(cases[2][0], at(601))
    assert watched.watched == {}


def fields_of(one: Incident) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}
