"""Which links are wanted, and which of them may be. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from ponteio.model.identity import Instance
from ponteio.model.link import LinkTarget


def wanted_links(
    *,
    server_id: str,
    enabled: bool,
    global_events: bool,
    intents: Mapping[LinkTarget, bool],
    instances: Iterable[Instance],
) -> frozenset[LinkTarget]:
    """The targets that should be listened at.

    What a person connected or disconnected by hand (`intents`) goes before the mode. The mode wants the global link,
    or one link for each instance that somebody owns. An instance that Evolution no longer has is never wanted: its
    namespace lives on there, empty, until another instance gets the same name. Nothing is wanted when not `enabled`.
    """
    if not enabled:
        return frozenset()
    root = LinkTarget(server_id)
    wanted = {target for target, by_hand in intents.items() if by_hand and target.server_id == server_id}
    if global_events and intents.get(root, True):
        wanted.add(root)
    for instance in instances:
        if instance.server_id != server_id:
            continue
        target = LinkTarget(server_id, instance.name)
        if instance.removed_at is not None:
            wanted.discard(target)
        elif not global_events and instance.organization_id is not None and intents.get(target, True):
            wanted.add(target)
    return frozenset(wanted)


def within_limits(wanted: Mapping[LinkTarget, str | None], limit_of: Callable[[str], int]) -> frozenset[LinkTarget]:
    """What of `wanted`, each with its owner, may be listened at: of each organization the first links, by server and
    name, up to its limit. The global link, and links of instances that nobody owns, count for nobody.

    By name, so that the same ones stay when the process starts again or the list comes in another order.
    """
    allowed, used = set(), Counter[str]()
    for target in sorted(wanted, key=lambda one: (one.server_id, one.namespace)):
        owner = None if target.is_global else wanted[target]
        if owner is not None:
            used[owner] += 1
            if used[owner] > limit_of(owner):
                continue
        allowed.add(target)
    return frozenset(allowed)


class LinkLedger:
    """What the links of all servers want together: an organization's limit is one, wherever its instances are."""

    def __init__(self, limit_of: Callable[[str], int]) -> None:
        self._limit_of = limit_of
        self._wanted: dict[str, Mapping[LinkTarget, str | None]] = {}
        self._told: dict[str, Callable[[], None]] = {}

    def join(self, server_id: str, tell: Callable[[], None]) -> None:
        """`tell` is called when another server's wishes changed, so that what is allowed here may have changed too. It
        must not ask at once.
        """
        self._told[server_id] = tell

    def leave(self, server_id: str) -> None:
        """The server wants nothing any more."""
        self._told.pop(server_id, None)
        if self._wanted.pop(server_id, None):
            self._tell_others(server_id)

    def allowed(self, server_id: str, wanted: Mapping[LinkTarget, str | None]) -> frozenset[LinkTarget]:
        """What of `wanted`, each with its owner, this server may listen at now."""
        former = self._wanted.get(server_id)
        self._wanted[server_id] = dict(wanted)
        if former != wanted:
            self._tell_others(server_id)
        every = {target: owner for each in self._wanted.values() for target, owner in each.items()}
        return within_limits(every, self._limit_of).intersection(wanted)

    def _tell_others(self, server_id: str) -> None:
        for other, tell in self._told.items():
            if other != server_id:
                tell()
