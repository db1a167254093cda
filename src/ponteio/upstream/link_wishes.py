"""Which links are wanted. Pure."""

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


def within_limits(
    wanted: frozenset[LinkTarget], owners: Mapping[str, str | None], limit_of: Callable[[str], int]
) -> frozenset[LinkTarget]:
    """What of `wanted` may be listened at: of each organization, the first links by name up to its limit. The global
    link, and links of instances that nobody owns, count for nobody.

    By name, so that the same ones stay when the process starts again or the list comes in another order.
    """
    allowed, used = set(), Counter[str]()
    for target in sorted(wanted, key=lambda one: one.namespace):
        owner = None if target.instance is None else owners.get(target.instance)
        if owner is not None:
            used[owner] += 1
            if used[owner] > limit_of(owner):
                continue
        allowed.add(target)
    return frozenset(allowed)
