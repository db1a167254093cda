from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ponteio.model.alert import RuleTerms
from ponteio.notify.alert_desk import SUGGESTIONS
from ponteio.notify.rule import checked


@pytest.mark.parametrize("terms", SUGGESTIONS)
def test_what_is_suggested_can_be_watched(terms: RuleTerms) -> None:
    """Tests, previews and sentences are tried over REST: tests/api/test_alert_routes.py."""
    assert checked(terms, datetime.now(UTC), may_read_content=False) == terms
