from __future__ import annotations

import pytest

from ponteio.model.identity import OrganizationScope, Principal
from ponteio.model.outcome import OPERATOR_ONLY, ORGANIZATION_ONLY, RefusalError
from ponteio.tenancy.permissions import require_operator, require_organization

_OPERATOR, _MEMBER = Principal("key_a", None), Principal("key_b", OrganizationScope("org_a"))


def test_the_operator_may_and_an_organization_may_not() -> None:
    require_operator(_OPERATOR)
    with pytest.raises(RefusalError) as refused:
        require_operator(_MEMBER)
    assert refused.value.outcome is OPERATOR_ONLY


def test_an_organization_has_a_scope_and_the_operator_has_none() -> None:
    assert require_organization(_MEMBER) == OrganizationScope("org_a")
    with pytest.raises(RefusalError) as refused:
        require_organization(_OPERATOR)
    assert refused.value.outcome is ORGANIZATION_ONLY
