"""Words in the languages in which people are told. No sentence here holds what somebody wrote on WhatsApp."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from ponteio.model.alert import Condition, Hours, Language
from ponteio.notify.quiet_hours import zone_of

REASONS: Mapping[str, tuple[str, str]] = {
    "state_close": ("the WhatsApp connection is closed", "a conexão com o WhatsApp está fechada"),
    "state_connecting": ("the WhatsApp connection is being made", "a conexão com o WhatsApp está sendo refeita"),
    "state_refused": ("WhatsApp refused the connection", "o WhatsApp recusou a conexão"),
    "state_unknown": ("its state is not known", "o estado não é conhecido"),
    "link_off": ("our link to it is switched off", "nossa ligação com ela está desligada"),
    "link_connecting": ("our link to it is being made", "nossa ligação com ela está sendo refeita"),
    "link_namespace_pending": ("it has sent nothing yet", "ela ainda não enviou nada"),
    "link_unreachable": ("we cannot reach it", "não conseguimos alcançá-la"),
    "link_auth_failed": ("Evolution API refuses our key", "a Evolution API recusa a nossa chave"),
    "link_upstream_disabled": ("WebSocket is off on Evolution API", "o WebSocket está desligado na Evolution API"),
    "link_unlinkable": ("its name cannot be linked", "o nome dela não permite ligação"),
    "server_unreachable": ("none of our links to it is up", "nenhuma das nossas ligações com ele está ativa"),
    "qr": ("the QR code has to be scanned", "o QR code precisa ser lido"),
    "silent": ("it is connected and sends nothing", "está conectada e não envia nada"),
    "events_matched": ("events match the rule", "há eventos que correspondem à regra"),
}
_SPANS = ((86_400, "day", "days", "dia", "dias"), (3600, "h", "h", "h", "h"), (60, "min", "min", "min", "min"))
_DAYS = {
    Language.EN: ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    Language.PT_BR: ("seg", "ter", "qua", "qui", "sex", "sáb", "dom"),
}
SHOWN_NAMES = 5
UTC_NAME = "UTC"


def said(language: Language, english: str, portuguese: str) -> str:
    """The one of the two that the language wants."""
    return english if language is Language.EN else portuguese


def reason_text(language: Language, reason: str | None) -> str:
    """A stable word of ours as a part of a sentence; one that is not known stands for itself."""
    return said(language, *REASONS.get(reason or "", (reason or "", reason or "")))


def span_text(language: Language, seconds: int) -> str:
    """A span, in the largest unit that fits it without a rest: `5 min`, `2 days`, `90 s`."""
    for size, one, many, um, muitos in _SPANS:
        if seconds >= size and seconds % size == 0:
            number = seconds // size
            return f"{number} {said(language, one if number == 1 else many, um if number == 1 else muitos)}"
    return f"{seconds} s"


def rough_span_text(language: Language, span: timedelta) -> str:
    """About how long: `2 h 5 min`."""
    minutes = max(int(span.total_seconds()) // 60, 0)
    if minutes < 1:
        return said(language, "less than a minute", "menos de um minuto")
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        unit = said(language, "day" if days == 1 else "days", "dia" if days == 1 else "dias")
        return f"{days} {unit} {hours} h" if hours else f"{days} {unit}"
    return " ".join(part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest else "") if part)


def moment_text(language: Language, moment: datetime, zone: str) -> str:
    """A moment by the clocks of this zone, which is named."""
    local = moment.astimezone(zone_of(zone))
    day = local.strftime(said(language, "%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M"))
    return f"{day} ({zone})"


def hours_text(language: Language, hours: Hours) -> str:
    """Hours of the week: `Mon-Fri 08:00-18:00 (America/Sao_Paulo)`."""
    times = f"{_clock(hours.from_minute)}-{_clock(hours.to_minute)}"
    return f"{_days_text(language, hours.days)} {times} ({hours.zone})"


def names_text(language: Language, names: tuple[str, ...], total: int) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(names[:SHOWN_NAMES])
    more = total - min(len(names), SHOWN_NAMES)
    return shown if more <= 0 else f"{shown} {said(language, f'and {more} more', f'e mais {more}')}"


def condition_text(language: Language, condition: Condition) -> str:
    """What an instance does while the condition holds."""
    english, portuguese = {
        Condition.DOWN: ("is down", "está fora do ar"),
        Condition.QR: ("waits for its QR code", "espera a leitura do QR code"),
        Condition.SILENT: ("is silent", "está em silêncio"),
        Condition.LIMIT: ("is over a limit", "passa de um limite"),
        Condition.EVENT: ("sends events that match", "envia eventos que correspondem a"),
    }[condition]
    return said(language, english, portuguese)


def _days_text(language: Language, days: frozenset[int]) -> str:
    names, ordered = _DAYS[language], sorted(days)
    if len(ordered) == len(names):
        return said(language, "every day", "todos os dias")
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{names[ordered[0]]}-{names[ordered[-1]]}"
    return ", ".join(names[day] for day in ordered)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
