from __future__ import annotations

from structlog.testing import capture_logs

from ponteio.live.silent_log import SilentLog


def test_only_the_type_of_an_error_is_said() -> None:
    log = SilentLog()
    with capture_logs() as said:
        log.info("packet %s", "secret")
        log.warning("packet %s", "secret")
        log.error("packet %s", "secret")
        try:
            raise ValueError("secret")
        except ValueError:
            log.exception("secret")
    assert [line["error"] for line in said] == ["ValueError"]
    assert "secret" not in str(said)
