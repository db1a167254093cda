"""Secrets in requests are in no text that could be logged."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ponteio.api.access_schemas import LimitsRequest, NewServerRequest, SignerRequest
from ponteio.model.identity import Limits

SECRET = "a-key-that-must-not-be-seen"


def test_secrets_are_hidden_from_every_text() -> None:
    for held in (NewServerRequest(url="https://evo.example", key=SECRET), SignerRequest(secret=SECRET)):
        assert SECRET not in f"{held!r} {held} {held.model_dump()}"
    with pytest.raises(ValidationError) as refused:
        NewServerRequest.model_validate({"url": "https://evo.example", "key": SECRET, "other": SECRET})
    assert SECRET not in str(refused.value)


def test_every_limit_can_be_set() -> None:
    assert set(LimitsRequest.model_fields) == set(Limits.__dataclass_fields__)
