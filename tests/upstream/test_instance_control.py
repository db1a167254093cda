"""Control against the simulator, with the real links: what is done to an instance, and what follows for its link."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.support.rest_house import SERVER, rest_house
from tests.support.simulator import until

from ponteio.model import outcome
from ponteio.model.event import RawFrame
from ponteio.model.identity import Instance, InstanceChange, InstanceState
from ponteio.model.link import LinkState
from ponteio.model.outcome import Outcome, RefusalError
from ponteio.upstream.evolution_api import NewInstance

BAILEYS, EVOLUTION = "WHATSAPP-BAILEYS", "EVOLUTION"


async def test_what_is_made_belongs_to_who_made_it_and_is_heard(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=0) as house:
        scope = await house.organization("acme")
        made = await house.control.create(
            name="Loja Centro", integration=EVOLUTION, number="5511900000001", organization_id=scope.organization_id
        )
        assert made.organization_id == scope.organization_id
        assert made.upstream_id == house.simulator.instance("Loja Centro").instance_id
        assert made.state is InstanceState.OPEN
        assert house.told[-1] == made
        await house.link_is(LinkState.CONNECTED, "Loja Centro")
        row = house.simulator.instance("Loja Centro").websocket
        assert row is not None
        assert row.enabled


async def test_what_the_operator_makes_belongs_to_nobody_yet(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=0) as house:
        made = await house.control.create(name="free", integration=EVOLUTION)
        assert made.organization_id is None


async def test_a_new_instance_under_a_deleted_name_does_not_keep_the_old_owner(tmp_path: Path) -> None:
    """I4: names are reusable on Evolution; the owner is bound to the instance, not to its name."""
    async with rest_house(tmp_path, instances=0) as house:
        first, second = await house.organization("first"), await house.organization("second")
        await house.control.create(name="shop", integration=EVOLUTION, organization_id=first.organization_id)
        house.simulator.world.remove("shop")
        made = await house.control.create(name="shop", integration=EVOLUTION, organization_id=second.organization_id)
        assert made.organization_id == second.organization_id
        assert house.directory.instance(first, "shop") is None


async def test_an_existing_instance_cannot_be_taken_over_by_making_it(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1) as house:
        scope = await house.organization("acme")
        with pytest.raises(RefusalError) as caught:
            await house.control.create(name="loja-01", integration=EVOLUTION, organization_id=scope.organization_id)
        assert caught.value.outcome is outcome.NAME_TAKEN
        assert house.instance("loja-01").organization_id is None


UNUSABLE: list[tuple[str, Outcome]] = [
    ("", outcome.INVALID_NAME),
    (".", outcome.INVALID_NAME),
    ("..", outcome.INVALID_NAME),
    (" shop", outcome.INVALID_NAME),
    ("sh\nop", outcome.INVALID_NAME),
    ("\ud800", outcome.INVALID_NAME),
    ("x" * 101, outcome.INVALID_NAME),
    ("a,b", outcome.UNLINKABLE_NAME),
]


async def test_names_that_would_not_work_are_not_made(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=0, started=False) as house:
        for name, expected in UNUSABLE:
            with pytest.raises(RefusalError) as caught:
                await house.control.create(name=name, integration=EVOLUTION)
            assert caught.value.outcome is expected, name
        assert len(house.simulator.world) == 0


async def test_a_link_that_takes_its_time_does_not_hold_up_the_phone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ponteio.upstream.instance_control.LINK_WAIT_S", 0.04)
    async with rest_house(tmp_path, instances=2, dials_per_second=0.01) as house:
        await house.organization("acme", "loja-01", "loja-02")
        assert (await house.control.connect("loja-02")).instance.state is InstanceState.OPEN
        assert house.link("loja-02").state is LinkState.CONNECTING


async def test_a_comma_is_fine_where_the_global_link_hears_it(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=0, global_events=True) as house:
        scope = await house.organization("acme")
        await house.control.create(name="a,b", integration=BAILEYS, organization_id=scope.organization_id)
        connected = await house.control.connect("a,b")
        assert connected.pairing.code
        assert house.link("a,b").state is LinkState.OFF


async def test_connecting_switches_the_events_on_and_dials_before_the_qr_code_comes(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=0) as house:
        scope = await house.organization("acme")
        await house.control.create(name="phone", integration=BAILEYS, organization_id=scope.organization_id)
        house.simulator.instance("phone").websocket = None
        await house.links.disconnect_instance("phone")
        connected = await house.control.connect("phone")
        assert connected.pairing.code
        assert connected.instance.state is InstanceState.CONNECTING
        row = house.simulator.instance("phone").websocket
        assert row is not None
        assert len(row.events) == 31
        await until(lambda: any(b"qrcode.updated" in payload for payload in house.sink.events("phone")), timeout_s=2)
        await house.simulator.scan("phone")
        again = await house.control.connect("phone", "5511900000001")
        assert again.instance.state is InstanceState.OPEN
        assert again.pairing.code is None


async def test_a_list_of_events_that_somebody_chose_is_left_as_it_is(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1) as house:
        await house.organization("acme", "loja-01")
        await house.api.set_websocket("loja-01", enabled=True, events=["CALL"])
        await house.control.connect("loja-01")
        row = house.simulator.instance("loja-01").websocket
        assert row is not None
        assert row.events == ["CALL"]


async def test_a_list_that_was_switched_off_is_switched_on(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1) as house:
        await house.organization("acme", "loja-01")
        await house.api.set_websocket("loja-01", enabled=False)
        await house.control.connect("loja-01")
        row = house.simulator.instance("loja-01").websocket
        assert row is not None
        assert row.enabled


async def test_in_global_mode_connecting_leaves_evolution_as_it_is(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, global_events=True, instance_events=False) as house:
        await house.organization("acme", "loja-01")
        connected = await house.control.connect("loja-01")
        assert connected.instance.state is InstanceState.OPEN
        assert house.simulator.instance("loja-01").websocket is None
        assert house.link("loja-01").state is LinkState.OFF
        await house.links.disconnect_global()
        await house.control.connect("loja-01")
        assert house.link("loja-01").state is not LinkState.OFF


async def test_without_websocket_here_the_phone_can_still_be_connected(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, enabled=False) as house:
        await house.organization("acme", "loja-01")
        assert (await house.control.connect("loja-01")).instance.state is InstanceState.OPEN
        assert house.link("loja-01").state is LinkState.OFF


async def test_without_websocket_there_the_phone_can_still_be_connected(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1, websocket_enabled=False) as house:
        await house.organization("acme", "loja-01")
        assert (await house.control.connect("loja-01")).instance.state is InstanceState.OPEN
        await house.link_is(LinkState.UPSTREAM_DISABLED, "loja-01")


async def test_logging_out_twice_is_harmless(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=2) as house:
        for _ in range(2):
            assert (await house.control.logout("loja-01")).state is InstanceState.CLOSE
        assert house.told[-1].state is InstanceState.CLOSE


async def test_a_logout_that_evolution_refuses_for_another_reason_is_refused(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1) as house:
        house.simulator.instance("loja-01").unload()
        with pytest.raises(RefusalError) as caught:
            await house.control.logout("loja-01")
        assert caught.value.outcome is outcome.UPSTREAM_REFUSED


async def test_a_restart_says_where_the_instance_stands(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1) as house:
        assert (await house.control.restart("loja-01")).instance.state in (
            InstanceState.OPEN,
            InstanceState.CONNECTING,
        )
        await house.control.logout("loja-01")
        with pytest.raises(RefusalError) as caught:
            await house.control.restart("loja-01")
        assert caught.value.outcome is outcome.UPSTREAM_FAILED


async def test_a_deleted_instance_is_gone_with_its_link_and_what_was_wanted_of_it(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=0) as house:
        scope = await house.organization("acme")
        await house.control.create(name="shop", integration=EVOLUTION, organization_id=scope.organization_id)
        await house.links.disconnect_instance("shop")
        gone = await house.control.delete("shop")
        assert gone.removed_at is not None
        assert len(house.simulator.world) == 0
        assert house.directory.instance(scope, "shop") is None
        assert [status.target.instance for status in house.links.statuses()] == []
        await house.control.create(name="shop", integration=EVOLUTION, organization_id=scope.organization_id)
        await house.link_is(LinkState.CONNECTED, "shop")


async def test_what_evolution_lost_is_deleted_here_too(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=2) as house:
        house.simulator.world.remove("loja-01")
        assert (await house.control.delete("loja-01")).removed_at is not None
        house.simulator.world.remove("loja-02")
        for call in (house.control.connect, house.control.restart, house.control.logout, house.control.detail):
            with pytest.raises(RefusalError) as caught:
                await call("loja-02")
            assert caught.value.outcome is outcome.INSTANCE_NOT_FOUND
        assert house.instance("loja-02").removed_at is not None


async def test_a_failed_deletion_leaves_everything(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1) as house:
        house.simulator.refuse_key()
        with pytest.raises(RefusalError) as caught:
            await house.control.delete("loja-01")
        assert caught.value.outcome is outcome.UPSTREAM_AUTH_FAILED
        assert house.instance("loja-01").removed_at is None


async def test_the_detail_is_asked_of_evolution_and_noted(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1) as house:
        await house.api.logout("loja-01")
        detail = await house.control.detail("loja-01")
        assert detail.instance.state is InstanceState.CLOSE
        assert detail.websocket is not None
        assert detail.refusal is None
        assert house.instance("loja-01").state is InstanceState.CLOSE


async def test_the_detail_says_why_evolution_could_not_be_asked(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1) as house:
        await house.simulator.go_down()
        detail = await house.control.detail("loja-01")
        assert detail.instance.state is InstanceState.OPEN
        assert detail.refusal is not None
        assert detail.refusal.outcome is outcome.UPSTREAM_UNREACHABLE


async def test_too_many_qr_codes_stay_visible_although_memory_says_close(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=1) as house:
        await house.api.logout("loja-01")
        await house.directory.note(SERVER, "loja-01", InstanceChange(state=InstanceState.REFUSED, reason=428))
        assert (await house.control.detail("loja-01")).instance.state is InstanceState.REFUSED


async def test_a_name_that_nobody_knows_is_not_found(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=0, started=False) as house:
        with pytest.raises(RefusalError) as caught:
            await house.control.delete("nobody")
        assert caught.value.outcome is outcome.INSTANCE_NOT_FOUND


# The owner is there before the instance.


async def test_evolution_is_asked_when_the_name_already_has_its_owner(tmp_path: Path) -> None:
    """I4: what is emitted before the answer is here finds its owner, and is not set aside."""
    async with rest_house(tmp_path, instances=0, global_events=True) as house:
        await house.link_is(LinkState.CONNECTED)
        scope = await house.organization("acme")
        owners: list[str | None] = []
        taken = house.sink.accept

        def accept(frame: RawFrame) -> None:
            taken(frame)
            known = house.directory.find(SERVER, "shop")
            owners.append(known.organization_id if known is not None and known.removed_at is None else None)

        house.sink.accept = accept  # type: ignore[method-assign]
        made = await house.control.create(name="shop", integration=EVOLUTION, organization_id=scope.organization_id)
        await until(lambda: owners)
        assert b"instance.create" in house.sink.frames[0].payload
        assert set(owners) == {scope.organization_id}
        assert made.organization_id == scope.organization_id


async def test_what_evolution_refuses_to_make_leaves_nothing(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=0) as house:
        scope = await house.organization("acme")
        for integration in ("nonsense", EVOLUTION):
            house.simulator.chaos.rest_error = integration == EVOLUTION
            with pytest.raises(RefusalError):
                await house.control.create(name="shop", integration=integration, organization_id=scope.organization_id)
        house.simulator.chaos.rest_error = False
        assert house.directory.instances(scope) == []
        assert house.links.statuses() == []
        await house.control.create(name="shop", integration=EVOLUTION, organization_id=scope.organization_id)
        await house.link_is(LinkState.CONNECTED, "shop")
        assert house.link("shop").reconnects == 0
        assert await house.gaps.list(SERVER, 10) == []


async def test_a_name_that_the_list_has_not_shown_yet_is_not_taken_over_for_a_moment(tmp_path: Path) -> None:
    """I4: not even while Evolution is being asked."""
    async with rest_house(tmp_path, instances=0) as house:
        scope = await house.organization("acme")
        await house.api.create_instance(NewInstance("hidden", EVOLUTION))
        seen: list[str | None] = []
        house.directory.on_change(lambda: seen.extend(one.organization_id for one in house.directory.all_instances()))
        with pytest.raises(RefusalError) as caught:
            await house.control.create(name="hidden", integration=EVOLUTION, organization_id=scope.organization_id)
        assert caught.value.outcome is outcome.NAME_TAKEN
        assert scope.organization_id not in seen


async def test_of_two_who_make_the_same_name_one_gets_it(tmp_path: Path) -> None:
    """I4: an instance has one owner."""
    async with rest_house(tmp_path, instances=0) as house:
        scopes = [await house.organization(name) for name in ("acme", "beta")]
        results = await asyncio.gather(
            *(
                house.control.create(name="shop", integration=EVOLUTION, organization_id=scope.organization_id)
                for scope in scopes
            ),
            return_exceptions=True,
        )
        (made,) = [result for result in results if isinstance(result, Instance)]
        (refused,) = [result for result in results if isinstance(result, RefusalError)]
        assert refused.outcome is outcome.NAME_TAKEN
        assert house.instance("shop").organization_id == made.organization_id
        assert house.instance("shop").removed_at is None


async def test_who_was_promised_a_name_makes_it(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=0) as house:
        scope, other = await house.organization("acme", "shop"), await house.organization("other")
        with pytest.raises(RefusalError) as caught:
            await house.control.create(name="shop", integration=EVOLUTION, organization_id=other.organization_id)
        assert caught.value.outcome is outcome.NAME_TAKEN
        made = await house.control.create(name="shop", integration=EVOLUTION, organization_id=scope.organization_id)
        assert made.organization_id == scope.organization_id


async def test_a_name_that_the_organization_has_on_another_server_is_not_made(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=0) as house:
        scope = await house.organization("acme")
        await house.directory.ensure_server("second", "http://second.test")
        await house.directory.assign("shop", scope.organization_id, server_id="second")
        with pytest.raises(RefusalError) as caught:
            await house.control.create(name="shop", integration=EVOLUTION, organization_id=scope.organization_id)
        assert caught.value.outcome is outcome.NAME_TAKEN
        assert len(house.simulator.world) == 0


@pytest.mark.parametrize(
    "token", ["obrigado", "5511999990000@s.whatsapp.net", "5" * 30, "a word and another word", "x" * 19, "x" * 1025, ""]
)
async def test_a_token_that_could_stand_in_events_is_refused(tmp_path: Path, token: str) -> None:
    """A token is taken out of everybody's events: an organization must not choose what others cannot read."""
    async with rest_house(tmp_path, instances=0, started=False) as house:
        with pytest.raises(RefusalError) as caught:
            await house.control.create(name="shop", integration=EVOLUTION, token=token)
        assert caught.value.outcome is outcome.INVALID_REQUEST
        assert not token or token not in caught.value.detail
        assert len(house.simulator.world) == 0


async def test_a_token_that_looks_like_one_is_used(tmp_path: Path) -> None:
    async with rest_house(tmp_path, instances=0, started=False) as house:
        token = "EAAG-canary_meta-token0"
        await house.control.create(name="shop", integration=EVOLUTION, token=token)
        assert house.simulator.instance("shop").token == token
