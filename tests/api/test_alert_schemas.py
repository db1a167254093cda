from __future__ import annotations

import pytest
from pydantic import ValidationError

from ponteio.api.alert_schemas import HoursForm, QuietForm, RuleRequest


def test_hours_have_the_names_that_people_use() -> None:
    form = HoursForm.model_validate({"days": ["mon"], "from": "08:00", "to": "18:00", "zone": "UTC"})
    assert form.model_dump(by_alias=True) == {"days": ["mon"], "from": "08:00", "to": "18:00", "zone": "UTC"}


@pytest.mark.parametrize("clock", ["8:00", "24:00", "08:60", "08:00 ", "\u06608:00", "08:00\n"])
def test_clocks_show_hours_and_minutes(clock: str) -> None:
    with pytest.raises(ValidationError):
        QuietForm.model_validate({"days": ["mon"], "from": clock, "to": "18:00", "zone": "UTC"})


def test_a_rule_needs_no_more_than_its_condition() -> None:
    assert RuleRequest.model_validate({"condition": "down"}).for_s == 300
    with pytest.raises(ValidationError):
        RuleRequest.model_validate({"condition": "down", "unknown": 1})
