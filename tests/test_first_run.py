"""The first operator: a one-time link, never a default password."""

from __future__ import annotations

from pathlib import Path

import pytest

from ponteio.config import Settings
from ponteio.first_run import first_operator_token
from ponteio.foundation import Foundation
from ponteio.model.outcome import INVITATION_INVALID, RefusalError
from ponteio.model.rights import Role


async def test_link_makes_one_operator_and_then_there_is_none(tmp_path: Path) -> None:
    base = await Foundation.open(Settings(data_dir=tmp_path, _env_file=None), checkpoints=True)
    try:
        token = await first_operator_token(base)
        assert token is not None
        made = await base.invitations.accept(token, email="op@example.com", name="Op", password="a long enough one")
        assert made.is_operator
        assert await first_operator_token(base) is None
    finally:
        await base.close()


async def test_each_start_has_its_own_link_and_the_former_is_dead(tmp_path: Path) -> None:
    base = await Foundation.open(Settings(data_dir=tmp_path, _env_file=None), checkpoints=True)
    try:
        former = await first_operator_token(base)
        assert former is not None
        kept, kept_token = await base.invitations.create(None, Role.OPERATOR)
        assert await first_operator_token(base) != former
        with pytest.raises(RefusalError) as caught:
            await base.invitations.look(former)
        assert caught.value.outcome is INVITATION_INVALID
        assert (await base.invitations.look(kept_token)).invitation_id == kept.invitation_id
    finally:
        await base.close()
