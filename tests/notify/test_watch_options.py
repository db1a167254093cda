from __future__ import annotations

from datetime import timedelta

from ponteio.notify.watch_options import WatchOptions


def test_the_grace_is_longer_than_what_links_take_to_settle() -> None:
    options = WatchOptions()
    assert options.settles < options.calm < options.grace
    assert timedelta(seconds=options.tick_s) < options.settles
