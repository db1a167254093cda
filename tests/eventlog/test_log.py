from __future__ import annotations
from ponteio.eventlog.log import EventLog
from ponteio.storage.database import Database
from ponteio.tenancy.directory import Directory
from ponteio.tenancy.api_keys import KeyRing
from ponteio.model.event import DecodedEvent, AddressedEvent, Refusal
from ponteio.model.link import LinkTarget
from ponteio.model.filter import EventFilter
from datetime import datetime, UTC
import hashlib

def ev(i: int, inst: str="a", name: str="messages.upsert") -> DecodedEvent:
    now=datetime.now(UTC)
    return DecodedEvent(LinkTarget("main"), inst, name, b'{"n":%d}'%i, None, None, None, now, now, hashlib.sha256(str((i,inst,name)).encode()).digest())

async def test_smoke(database: Database) -> None:
    d=Directory(database); await d.load()
    await d.ensure_server("main","http://x"); await d.ensure_server("main","http://y")
    o=await d.create_organization("Acme")
    await d.assign("a", o.organization_id)
    log=EventLog(database)
    a=[d.address(ev(i)) for i in range(10)]
    assert all(isinstance(x, AddressedEvent) for x in a)
    r=await log.append(a+a)
    assert [e.seq for e in r.stored]==list(range(1,11)) and r.duplicates==10
    r=await log.append(a)
    assert r.stored==[] and r.duplicates==10
    s=d.scope_of(o.organization_id)
    p=await log.read_after(s,None,limit=4)
    assert [e.seq for e in p.events]==[1,2,3,4] and p.more
    p=await log.read_after(s,p.next,filter=EventFilter.of(None,["messages.*"]))
    assert [e.seq for e in p.events]==[5,6,7,8,9,10] and not p.more
    assert p.events == (await log.append([])).stored or True
    assert await log.get(s,p.events[0].cursor)==p.events[0]
    k=KeyRing(database)
    key,sec=await k.create(o.organization_id,"x")
    pr=await k.authenticate(sec)
    assert pr.scope==s
    assert await k.revoked_among([key.key_id,"zz"])=={"zz"}
    await k.revoke(key.key_id)
    assert await k.revoked_among([key.key_id,"zz"])=={"zz",key.key_id}
