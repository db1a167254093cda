"""The alert rules of organizations, and the quiet hours of their channels."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from ponteio.model.alert import AlertRule, Maker, QuietHours, RuleTerms
from ponteio.model.outcome import NOT_FOUND, TOO_MANY_RULES, RefusalError
from ponteio.notify.channel import ChannelBook
from ponteio.notify.rule import MAX_RULES, check_hours, checked, from_json, quiet_members, quiet_of, to_json
from ponteio.observe.clock import utc_now
from ponteio.storage.column_types import storable
from ponteio.storage.database import Database
from ponteio.storage.notify_tables import alert_rules, channel_quiet_hours
from ponteio.storage.statements import put_row
from ponteio.tenancy import versions
from ponteio.tenancy.identifiers import new_id


class Rules:
    """Rules are made, changed and removed; `on_change` listeners hear of each change of this process."""

    def __init__(self, database: Database, channels: ChannelBook, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """`listener` is called after each change that this object made. It must not raise."""
        self._listeners.append(listener)

    async def list(self, organization_id: str) -> builtins.list[AlertRule]:
        """The organization's rules, the oldest first."""
        return await self._found(alert_rules.c.organization_id == organization_id)

    async def all(self) -> builtins.list[AlertRule]:
        """Everybody's rules."""
        return await self._found()

    async def get(self, organization_id: str, rule_id: str) -> AlertRule:
        """The organization's rule of this id. Raises `RefusalError` NOT_FOUND."""
        found = await self._found(*_this(organization_id, rule_id))
        if not found:
            raise RefusalError(NOT_FOUND)
        return found[0]

    async def create(
        self, organization_id: str, terms: RuleTerms, maker: Maker, *, may_read_content: bool
    ) -> AlertRule:
        """A new rule. Raises `RefusalError` INVALID_RULE, INVALID_FILTER, FORBIDDEN, NOT_FOUND for a channel that the
        organization does not have, TOO_MANY_RULES.
        """
        now = self._clock()
        kept = await self._checked(organization_id, terms, now, may_read_content=may_read_content)
        rule = AlertRule(organization_id, new_id("alr"), kept, maker, now, now)
        mine = select(func.count()).where(alert_rules.c.organization_id == organization_id)
        async with self._database.write() as connection:
            await versions.bump(connection)
            if (await connection.execute(mine)).scalar_one() >= MAX_RULES:
                raise RefusalError(TOO_MANY_RULES)
            row = {"organization_id": organization_id, "rule_id": rule.rule_id, "created_at": now, **_columns(rule)}
            await connection.execute(insert(alert_rules).values(row))
        self._tell()
        return rule

    async def change(
        self, organization_id: str, rule_id: str, terms: RuleTerms, maker: Maker, *, may_read_content: bool
    ) -> AlertRule:
        """The rule has these terms, for which `maker` answers from now on. Raises as `create` does, and NOT_FOUND."""
        former = await self.get(organization_id, rule_id)
        now = self._clock()
        kept = await self._checked(organization_id, terms, now, may_read_content=may_read_content)
        rule = AlertRule(organization_id, rule_id, kept, maker, former.created_at, now)
        statement = update(alert_rules).where(*_this(organization_id, rule_id)).values(_columns(rule))
        async with self._database.write() as connection:
            await versions.bump(connection)
            if (await connection.execute(statement)).rowcount != 1:
                raise RefusalError(NOT_FOUND)
        self._tell()
        return rule

    async def remove(self, organization_id: str, rule_id: str) -> None:
        """The rule is gone; its open incidents end within seconds. Raises `RefusalError` NOT_FOUND."""
        async with self._database.write() as connection:
            await versions.bump(connection)
            gone = await connection.execute(delete(alert_rules).where(*_this(organization_id, rule_id)))
            if gone.rowcount != 1:
                raise RefusalError(NOT_FOUND)
        self._tell()

    async def channel_quiet(self, organization_id: str, channel_id: str) -> QuietHours | None:
        """When this channel is told nothing. Raises `RefusalError` NOT_FOUND for a channel that is not there."""
        await self._check_channels(organization_id, (channel_id,))
        return (await self.quiet_channels(organization_id)).get((organization_id, channel_id))

    async def set_channel_quiet(self, organization_id: str, channel_id: str, quiet: QuietHours | None) -> None:
        """The channel is told nothing in these hours; None: it always is. Raises `RefusalError` NOT_FOUND,
        INVALID_RULE.
        """
        await self._check_channels(organization_id, (channel_id,))
        if quiet is not None:
            check_hours(quiet.hours)
        key = {"organization_id": organization_id, "channel_id": channel_id}
        async with self._database.write() as connection:
            await versions.bump(connection)
            if quiet is None:
                this = (channel_quiet_hours.c[name] == value for name, value in key.items())
                await connection.execute(delete(channel_quiet_hours).where(*this))
            else:
                row = {**key, "quiet": orjson.dumps(quiet_members(quiet)).decode()}
                await connection.execute(put_row(channel_quiet_hours, self._database.dialect, row))
        self._tell()

    async def quiet_channels(self, organization_id: str | None = None) -> dict[tuple[str, str], QuietHours]:
        """Quiet hours by organization and channel: of one organization, or everybody's."""
        statement = select(channel_quiet_hours)
        if organization_id is not None:
            statement = statement.where(channel_quiet_hours.c.organization_id == organization_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return {(row.organization_id, row.channel_id): quiet_of(orjson.loads(row.quiet)) for row in rows}

    async def check(self, organization_id: str, terms: RuleTerms, *, may_read_content: bool) -> RuleTerms:
        """The terms as a rule would keep them. Raises as `create` does."""
        return await self._checked(organization_id, terms, self._clock(), may_read_content=may_read_content)

    async def _checked(
        self, organization_id: str, terms: RuleTerms, now: datetime, *, may_read_content: bool
    ) -> RuleTerms:
        kept = checked(terms, now, may_read_content=may_read_content)
        await self._check_channels(organization_id, kept.channels)
        return kept

    async def _check_channels(self, organization_id: str, channel_ids: tuple[str, ...]) -> None:
        if channel_ids and await self._channels.unknown(organization_id, channel_ids):
            raise RefusalError(NOT_FOUND, "There is no such channel here.")

    async def _found(self, *conditions: ColumnElement[bool]) -> builtins.list[AlertRule]:
        statement = select(alert_rules).where(*conditions).order_by(alert_rules.c.created_at, alert_rules.c.rule_id)
        async with self._database.read() as connection:
            return [_rule(row) for row in (await connection.execute(statement)).all()]

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _this(organization_id: str, rule_id: str) -> tuple[ColumnElement[bool], ...]:
    return alert_rules.c.organization_id == organization_id, alert_rules.c.rule_id == storable(rule_id)


def _columns(rule: AlertRule) -> dict[str, Any]:
    return {
        "terms": to_json(rule.terms),
        "maker_id": rule.maker.maker_id,
        "maker_is_key": rule.maker.is_key,
        "updated_at": rule.updated_at,
    }


def _rule(row: Row[Any]) -> AlertRule:
    maker = Maker(row.maker_id, row.maker_is_key)
    return AlertRule(row.organization_id, row.rule_id, from_json(row.terms), maker, row.created_at, row.updated_at)
