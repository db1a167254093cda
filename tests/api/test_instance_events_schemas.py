from __future__ import annotations

import pytest
from pydantic import ValidationError

from ponteio.api.instance_events_schemas import ApplyRequest, EventChoiceRequest, RunCounts, RunRequest
from ponteio.model.instance_events import ItemState


def test_what_is_not_documented_is_refused() -> None:
    for shape in (EventChoiceRequest, ApplyRequest, RunRequest):
        with pytest.raises(ValidationError):
            shape.model_validate({"enabled": True})
        for events in ([], [""], ["x" * 65], ["call"] * 65, "call"):
            with pytest.raises(ValidationError):
                shape.model_validate({"events": events})


def test_nothing_is_set_back_unless_that_was_chosen() -> None:
    assert not EventChoiceRequest.model_validate({"preset": "all"}).keep
    assert not RunRequest.model_validate({"preset": "all"}).keep


def test_every_end_of_an_instance_is_counted() -> None:
    assert set(RunCounts.model_fields) == {"total", *(state.value for state in ItemState)}
