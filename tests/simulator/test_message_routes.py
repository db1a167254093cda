from __future__ import annotations

from tests.support.simulator import RestClient, running_simulator


async def test_baileys_sends_binary_and_acknowledges() -> None:
    async with running_simulator(instances=1) as simulator, RestClient(simulator) as rest:
        status, sent = await rest.post("/message/sendText/loja-01", {"number": "5511999990000", "text": "oi"})
        assert (status, sent["status"], sent["key"]["remoteJid"]) == (201, "PENDING", "5511999990000@s.whatsapp.net")
        assert len(sent["message"]["messageContextInfo"]["messageSecret"]) == 32
        told = list(simulator.emitted)[-3:]
        assert [each.event for each in told] == ["send.message", "messages.update", "messages.update"]
        assert isinstance(told[0].envelope["data"]["message"]["messageContextInfo"]["messageSecret"], bytes)
        assert [each.envelope["data"]["status"] for each in told[1:]] == ["SERVER_ACK", "DELIVERY_ACK"]
        where = {"where": {"key": {"id": sent["key"]["id"]}}}
        _, found = await rest.post("/chat/findMessages/loja-01", where)
        (record,) = found["messages"]["records"]
        assert record["MessageUpdate"] == [{"status": "SERVER_ACK"}, {"status": "DELIVERY_ACK"}]
        assert record["message"]["messageContextInfo"]["messageSecret"]["0"] in range(256)


async def test_a_closed_session_cannot_send() -> None:
    async with running_simulator(instances=1) as simulator, RestClient(simulator) as rest:
        await rest.delete("/instance/logout/loja-01")
        status, body = await rest.post("/message/sendText/loja-01", {"number": "1", "text": "oi"})
        assert (status, body["response"]["message"]) == (400, ["Error: Connection Closed"])


async def test_meta_sends_when_it_is_reachable() -> None:
    async with running_simulator(instances=3) as simulator, RestClient(simulator) as rest:
        assert (await rest.post("/message/sendText/loja-03", {"number": "1", "text": "oi"}))[0] == 201


async def test_every_missing_member_is_listed() -> None:
    async with running_simulator(instances=1) as simulator, RestClient(simulator) as rest:
        _, body = await rest.post("/message/sendText/loja-01", {})
        assert body["response"]["message"] == [
            ['instance requires property "number"', 'instance requires property "text"']
        ]


async def test_what_was_missed_on_the_socket_is_found_here() -> None:
    async with running_simulator(instances=2) as simulator, RestClient(simulator) as rest:
        await simulator.flood("loja-02", 120)
        _, first = await rest.post("/chat/findMessages/loja-02", {})
        assert (first["messages"]["total"], first["messages"]["pages"], len(first["messages"]["records"])) == (
            120,
            3,
            50,
        )
        await simulator.restart(0)
        assert (await rest.post("/chat/findMessages/loja-02", {"offset": 1}))[1]["messages"]["total"] == 120
