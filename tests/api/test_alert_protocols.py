from __future__ import annotations

from ponteio.api.alert_protocols import Alerts, Incidents, Rules
from ponteio.notify.alert_desk import AlertDesk
from ponteio.notify.incidents import Incidents as KeptIncidents
from ponteio.notify.rules import Rules as KeptRules


def test_what_the_routes_ask_for_is_there() -> None:
    """mypy compares the shapes where the house is put together; here the names."""
    for asked, given in ((Rules, KeptRules), (Incidents, KeptIncidents)):
        wanted = {name for name in vars(asked) if not name.startswith("_")}
        assert wanted <= set(dir(given)), asked
    assert {"sentences", "test", "preview", "suggestions"} <= set(vars(Alerts)) & set(dir(AlertDesk))
