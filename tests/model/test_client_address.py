from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.model.client_address import NOWHERE, network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", NOWHERE),
        (None, NOWHERE),
        ("testclient", NOWHERE),
    ],
)
def test_a_site_counts_as_one(address: str | None, network: str) -> None:
    assert network_of(address) == network


@given(st.text())
def test_any_text_counts(text: str) -> None:
    assert network_of(text)
