from __future__ import annotations

from ponteio.model.session_cookie import cookie_name


def test_with_https_only_the_name_that_no_neighbour_can_set_is_believed() -> None:
    assert cookie_name(is_https=True).startswith("__Host-")
    assert not cookie_name(is_https=False).startswith("__")
