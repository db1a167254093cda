from __future__ import annotations

import pytest

from ponteio.model.jid import Jid


@pytest.mark.parametrize(
    ("text", "user", "server"),
    [
        ("5511988887777", "5511988887777", None),
        ("+55 (11) 98888-7777", "5511988887777", None),
        (" 5511988887777 ", "5511988887777", None),
        ("5511988887777-1612345678", "5511988887777-1612345678", None),
        ("5511988887777@s.whatsapp.net", "5511988887777", "s.whatsapp.net"),
        ("5511988887777@c.us", "5511988887777", "s.whatsapp.net"),
        ("5511988887777@C.US", "5511988887777", "s.whatsapp.net"),
        ("5511988887777:12@s.whatsapp.net", "5511988887777", "s.whatsapp.net"),
        ("998877:3@lid", "998877", "lid"),
        ("120363041234567890@g.us", "120363041234567890", "g.us"),
        ("5511988887777-1612345678@g.us", "5511988887777-1612345678", "g.us"),
        ("status@broadcast", "status", "broadcast"),
    ],
)
def test_every_form_of_an_address_is_read(text: str, user: str, server: str | None) -> None:
    assert Jid.parse(text) == Jid(user, server)


@pytest.mark.parametrize("text", ["", "maria", "@s.whatsapp.net", "a b@s.whatsapp.net", "5511@", "1@2@3", "+", "55x11"])
def test_anything_else_is_no_address(text: str) -> None:
    assert Jid.parse(text) is None


def test_a_bare_number_covers_that_number_at_every_server() -> None:
    assert Jid("55").covers(Jid("55", "lid"))
    assert Jid("55", "lid").covers(Jid("55", "lid"))
    assert not Jid("55", "g.us").covers(Jid("55", "lid"))
    assert not Jid("55").covers(Jid("56", "lid"))


def test_an_address_is_spelled_as_it_is_read() -> None:
    for text in ("55@lid", "5511988887777", "5511988887777@s.whatsapp.net"):
        assert str(Jid.parse(text)) == text
