from __future__ import annotations

import pytest
from pydantic import ValidationError

from ponteio.api.channel_schemas import ChannelChangeRequest, NewChannelRequest, SubscriptionRequest


def test_secrets_do_not_show() -> None:
    wanted = NewChannelRequest.model_validate(
        {"kind": "webhook", "name": "x", "url": "https://s3cret", "header": {"name": "X", "value": "s3cret"}}
    )
    keys = {"p256dh": "A" * 87, "auth": "s3cret" + "A" * 20}
    subscription = SubscriptionRequest.model_validate({"endpoint": "https://s3cret", "keys": keys})
    assert "s3cret" not in f"{wanted!r} {subscription!r}"


def test_what_is_wrong_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as error:
        NewChannelRequest.model_validate({"kind": "webhook", "name": "x", "url": ["s3cret"]})
    assert "s3cret" not in str(error.value)


def test_what_is_left_out_is_told_from_null() -> None:
    assert ChannelChangeRequest.model_validate({}).model_fields_set == set()
    assert ChannelChangeRequest.model_validate({"users": None}).model_fields_set == {"users"}
    with pytest.raises(ValidationError):
        ChannelChangeRequest.model_validate({"kind": "apprise"})
