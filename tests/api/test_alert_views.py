from __future__ import annotations

import pytest

from ponteio.api.alert_schemas import HoursForm, QuietForm, RuleRequest
from ponteio.api.alert_views import hours_of, maker_of, quiet_form, quiet_of, request_of, terms_of
from ponteio.model.alert import Condition, Hours, Maker, QuietHours, RuleTerms
from ponteio.model.identity import Principal
from ponteio.model.rights import CredentialKind

HOURS = {"days": ["mon", "sun"], "from": "22:30", "to": "07:00", "zone": "Europe/Berlin"}


def test_hours_are_minutes_and_numbers_inside() -> None:
    assert hours_of(HoursForm.model_validate(HOURS)) == Hours(frozenset({0, 6}), 1350, 420, "Europe/Berlin")


@pytest.mark.parametrize("then", ["hold", "drop"])
def test_quiet_hours_there_and_back(then: str) -> None:
    form = QuietForm.model_validate({**HOURS, "then": then})
    assert quiet_form(quiet_of(form)) == form
    assert quiet_of(form) == QuietHours(hours_of(form), then == "hold")


def test_a_rule_there_and_back() -> None:
    wanted = RuleRequest.model_validate(
        {
            "condition": "event",
            "filter": "event:call",
            "channels": ["chn_1"],
            "instances": ["loja-01"],
            "hours": HOURS,
            "quiet_hours": {**HOURS, "then": "drop"},
            "language": "pt-BR",
            "remind_every_s": 3600,
        }
    )
    assert request_of(terms_of(wanted)) == wanted
    assert terms_of(RuleRequest.model_validate({"condition": "down"})) == RuleTerms(Condition.DOWN)


def test_who_answers_for_a_rule() -> None:
    key = Principal(CredentialKind.KEY, "key_1", frozenset())
    person = Principal(CredentialKind.SESSION, "ses_1", frozenset(), user_id="usr_1")
    assert maker_of(key) == Maker("key_1", True)
    assert maker_of(person) == Maker("usr_1", False)
