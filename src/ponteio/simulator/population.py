"""Making instances: the invented demonstration set, and new ones on request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from ponteio.simulator.ids import IdMint
from ponteio.simulator.options import SimulatorOptions
from ponteio.simulator.state import EVENT_NAMES, Instance, Integration, WebsocketRow, World

#: The integrations of the demonstration set, in turn: mostly WhatsApp Web, as in real installations.
DEMO_INTEGRATIONS: tuple[Integration, ...] = ("WHATSAPP-BAILEYS", "EVOLUTION", "WHATSAPP-BUSINESS", "WHATSAPP-BAILEYS")

DEFAULT_SETTINGS: dict[str, bool | str] = {
    "rejectCall": False,
    "msgCall": "",
    "groupsIgnore": False,
    "alwaysOnline": False,
    "readMessages": False,
    "readStatus": False,
    "syncFullHistory": False,
    "wavoipToken": "",
}


class Maker:
    """Makes instances and their rows."""

    def __init__(self, options: SimulatorOptions, mint: IdMint, clock: Callable[[], datetime]) -> None:
        self._options = options
        self._mint = mint
        self._clock = clock

    def make(
        self,
        name: str,
        integration: Integration,
        *,
        token: str | None = None,
        number: str | None = None,
        business_id: str | None = None,
        events: Sequence[str] | None = None,
    ) -> Instance:
        """A new instance, not yet in the world; `events` None = websocket never set, empty = all 31."""
        now = self._clock()
        return Instance(
            name=name,
            instance_id=self._mint.uuid(),
            integration=integration,
            token=token or self._mint.uuid().upper(),
            number=number,
            business_id=business_id,
            db_state="close" if integration == "WHATSAPP-BAILEYS" else "open",
            created_at=now,
            updated_at=now,
            setting_id=self._mint.row_id(),
            settings=dict(DEFAULT_SETTINGS),
            messages=deque(maxlen=self._options.messages_limit),
            websocket=None if events is None else self.websocket_row(True, events),
        )

    def message_id(self) -> str:
        """An id for a message that came without one."""
        return self._mint.uuid()

    def websocket_row(self, enabled: bool, events: Sequence[str]) -> WebsocketRow:
        """A new row; enabled without names = all of them, disabled = none."""
        now = self._clock()
        return WebsocketRow(self._mint.row_id(), enabled, chosen_events(enabled, events), now, now)

    def populate(self, world: World) -> None:
        """Add `loja-01`, `loja-02`, …; Baileys ones have a paired phone, so they open by themselves."""
        for index in range(self._options.instances):
            integration = DEMO_INTEGRATIONS[index % len(DEMO_INTEGRATIONS)]
            number = f"5511{900_000_001 + index}"
            instance = self.make(
                f"loja-{index + 1:02d}",
                integration,
                token=self._mint.token(),
                number=number,
                business_id="55555" if integration == "WHATSAPP-BUSINESS" else None,
                events=EVENT_NAMES if self._options.instance_events else None,
            )
            if instance.is_baileys:
                instance.owner_jid, instance.profile_name = f"{number}@s.whatsapp.net", f"Loja {index + 1}"
                instance.is_paired, instance.db_state = True, "open"
            world.add(instance)


def chosen_events(enabled: bool, events: Sequence[str]) -> list[str]:
    """What Evolution stores: disabled wipes the list, an empty list means every name."""
    if not enabled:
        return []
    return list(events) or list(EVENT_NAMES)
