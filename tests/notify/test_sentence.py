from __future__ import annotations

import pytest

from ponteio.model.alert import Condition, Hours, Language, QuietHours, RuleTerms
from ponteio.notify.sentence import sentence

NIGHT = Hours(frozenset(range(7)), 22 * 60, 7 * 60, "America/Sao_Paulo")
DAY = Hours(frozenset({0, 1, 2, 3, 4}), 8 * 60, 18 * 60, "America/Sao_Paulo")


@pytest.mark.parametrize(
    ("terms", "english", "portuguese"),
    [
        (
            RuleTerms(Condition.DOWN, ("c1",)),
            "When any instance is down for 5 min → phones.",
            "Quando qualquer instância está fora do ar por 5 min → phones.",
        ),
        (
            RuleTerms(Condition.QR, ("c1", "c2"), instances=("loja-01",), for_s=0),
            "When instance loja-01 waits for its QR code → phones, c2.",
            "Quando a instância loja-01 espera a leitura do QR code → phones, c2.",
        ),
        (
            RuleTerms(Condition.SILENT, instances=("a", "b"), for_s=7200, usual_hours=True, hours=DAY),
            (
                "When any of a, b is silent for 2 h in its usual hours in Mon-Fri 08:00-18:00 (America/Sao_Paulo)"
                " → tell nobody."
            ),
            (
                "Quando alguma de a, b está em silêncio por 2 h nos seus horários habituais em seg-sex 08:00-18:00"
                " (America/Sao_Paulo) → não avisar ninguém."
            ),
        ),
        (
            RuleTerms(Condition.LIMIT, ("c1",), for_s=0, quiet=QuietHours(NIGHT)),
            (
                "When the organization is over its limit → phones; summed up after every day 22:00-07:00"
                " (America/Sao_Paulo)."
            ),
            (
                "Quando a organização passa de um limite → phones; com um resumo depois de todos os dias 22:00-07:00"
                " (America/Sao_Paulo)."
            ),
        ),
        (
            RuleTerms(Condition.EVENT, ("c1",), filter="event:call", count=3, for_s=60, quiet=QuietHours(NIGHT, False)),
            (
                "When any instance sends events that match «event:call» at least 3 times within 1 min → phones; nothing"
                " during every day 22:00-07:00 (America/Sao_Paulo)."
            ),
            (
                "Quando qualquer instância envia eventos que correspondem a «event:call» ao menos 3 vezes em 1 min"
                " → phones; nada durante todos os dias 22:00-07:00 (America/Sao_Paulo)."
            ),
        ),
    ],
)
def test_a_rule_is_one_sentence(terms: RuleTerms, english: str, portuguese: str) -> None:
    assert sentence(terms, Language.EN, {"c1": "phones"}) == english
    assert sentence(terms, Language.PT_BR, {"c1": "phones"}) == portuguese


def test_a_rule_about_all_events_says_so() -> None:
    assert "match «*» within" in sentence(RuleTerms(Condition.EVENT, filter=""), Language.EN)


def test_channels_without_a_name_are_called_by_their_ids() -> None:
    assert sentence(RuleTerms(Condition.DOWN, ("chn_1",)), Language.EN).endswith("→ chn_1.")
