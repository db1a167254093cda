"""What an event says about the state of its instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ponteio.model.identity import InstanceChange, InstanceState

_REPORTED = {state.value: state for state in InstanceState if state is not InstanceState.UNKNOWN}
_MAX_ID = 255


def instance_change(event: str, data: object) -> InstanceChange | None:
    """The change that `event` reports about its own instance, or None. Whatever `data` is, it does not raise.

    Only the events named here report one: `data.instanceId` of a message is no news about the instance.
    """
    read = _READERS.get(event)
    return read(data if isinstance(data, dict) else {}) if read else None


def _connection_update(data: Mapping[str, object]) -> InstanceChange | None:
    word = data.get("state")
    state = _REPORTED.get(word) if isinstance(word, str) else None
    return InstanceChange(state=state, reason=_code(data.get("statusReason"))) if state else None


def _status_instance(data: Mapping[str, object]) -> InstanceChange | None:
    """Evolution sends it for a close that it will not try to undo."""
    if data.get("status") != "closed":
        return None
    return InstanceChange(state=InstanceState.CLOSE, reason=_code(data.get("disconnectionReasonCode")))


def _logout(_data: Mapping[str, object]) -> InstanceChange | None:
    return InstanceChange(state=InstanceState.CLOSE)


def _removal(_data: Mapping[str, object]) -> InstanceChange | None:
    return InstanceChange(removed=True)


def _creation(data: Mapping[str, object]) -> InstanceChange | None:
    upstream_id = data.get("instanceId")
    if not isinstance(upstream_id, str) or not upstream_id.isprintable() or not 0 < len(upstream_id) <= _MAX_ID:
        return None
    return InstanceChange(upstream_id=upstream_id)


def _code(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**31 else None


_READERS: Mapping[str, Callable[[Mapping[str, object]], InstanceChange | None]] = {
    "connection.update": _connection_update,
    "status.instance": _status_instance,
    "logout.instance": _logout,
    "remove.instance": _removal,
    "instance.delete": _removal,
    "instance.create": _creation,
}
