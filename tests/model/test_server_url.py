from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.server_url import server_key, server_url


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("https://evo.example/base/", "https://evo.example/base"),
        (" http://10.0.0.1:8080 ", "http://10.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_addresses_are_kept_without_a_slash_at_the_end(given_text: str, kept: str) -> None:
    assert server_url(given_text) == kept


@pytest.mark.parametrize(
    "text",
    [
        *("", "evo.example", "ftp://evo.example", "http://", "http:///x", "https://user:pw@evo.example"),
        *("https://evo.example?apikey=x", "https://evo.example#x", "http://evo example", "http://evo\n.example"),
        *("http://evo.example:port", "http://evo.example:99999", "http://[::1", "http://:80"),
    ],
)
def test_what_is_no_address_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(ValueError, match="must") as refused:
        server_url(text)
    assert "evo" not in str(refused.value)


@pytest.mark.parametrize("key", ["", " key", "key ", "ke\ny", "chave-ção", "k\x00"])
def test_keys_that_no_header_carries_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="must"):
        server_key(key)


def test_a_key_is_kept_as_it_is() -> None:
    assert server_key("429683C4C977415CAAFCCE10F7D57E11") == "429683C4C977415CAAFCCE10F7D57E11"


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    with suppress(ValueError):
        assert server_url(text).startswith("http")
