"""What is still in any register of a gateway once everybody has gone."""

from __future__ import annotations

from tests.support.house import holds
from tests.support.live_registers import leftovers_of
from tests.support.two_tenants import TwoTenants


def leftovers(here: TwoTenants) -> dict[str, int]:
    """Entries of sockets in registers of ours and of the libraries': empty when nobody is here."""
    return leftovers_of(here.gateway._live)


async def nobody_is_left(here: TwoTenants, *, within_s: float = 15.0) -> None:
    """Waits until nothing is left of anybody; fails with what is."""
    await holds(
        "nothing is left of the sockets", lambda: not leftovers(here), within_s=within_s, why=lambda: leftovers(here)
    )
