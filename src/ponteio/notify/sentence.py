"""A rule as one sentence: when … for … in … → …"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ponteio.model.alert import Condition, Language, RuleTerms
from ponteio.notify.wording import condition_text, hours_text, names_text, said, span_text


def sentence(terms: RuleTerms, language: Language, channel_names: Mapping[str, str] | None = None) -> str:
    """The rule in this language. Channels without a name in `channel_names` are called by their ids."""
    parts = [said(language, "When", "Quando"), _what(terms, language), _how_long(terms, language)]
    if terms.usual_hours:
        parts.append(said(language, "in its usual hours", "nos seus horários habituais"))
    if terms.hours is not None:
        parts.append(f"{said(language, 'in', 'em')} {hours_text(language, terms.hours)}")
    names = [(channel_names or {}).get(channel_id, channel_id) for channel_id in terms.channels]
    text = " ".join(part for part in parts if part)
    return f"{text} → {_channels(names, language)}{_quiet(terms, language)}."


def _what(terms: RuleTerms, language: Language) -> str:
    if terms.condition is Condition.LIMIT:
        return said(language, "the organization is over its limit", "a organização passa de um limite")
    does = condition_text(language, terms.condition)
    if terms.condition is Condition.EVENT:
        does = f"{does} {_filter(terms)}{_times(terms, language)}"
    return f"{_who(terms, language)} {does}"


def _who(terms: RuleTerms, language: Language) -> str:
    if terms.instances is None:
        return said(language, "any instance", "qualquer instância")
    one = len(terms.instances) == 1
    word = said(language, "instance" if one else "any of", "a instância" if one else "alguma de")
    return f"{word} {names_text(language, terms.instances, len(terms.instances))}"


def _filter(terms: RuleTerms) -> str:
    return f"«{terms.filter or '*'}»"


def _times(terms: RuleTerms, language: Language) -> str:
    if terms.count == 1:
        return ""
    return said(language, f" at least {terms.count} times", f" ao menos {terms.count} vezes")


def _how_long(terms: RuleTerms, language: Language) -> str:
    if not terms.for_s:
        return ""
    span = span_text(language, terms.for_s)
    is_window = terms.condition is Condition.EVENT
    return f"{said(language, 'within' if is_window else 'for', 'em' if is_window else 'por')} {span}"


def _channels(names: Sequence[str], language: Language) -> str:
    return ", ".join(names) if names else said(language, "tell nobody", "não avisar ninguém")


def _quiet(terms: RuleTerms, language: Language) -> str:
    if terms.quiet is None:
        return ""
    hours = hours_text(language, terms.quiet.hours)
    if terms.quiet.is_held:
        return said(language, f"; summed up after {hours}", f"; com um resumo depois de {hours}")
    return said(language, f"; nothing during {hours}", f"; nada durante {hours}")
