"""The pages of troubleshooting say what the diagnosis says: every finding that is not well, and exactly what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from ponteio.model.diagnosis import ADVICE, EVIDENCE, Language

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [
    *sorted((ROOT / "src/ponteio/upstream").glob("diagnosis*.py")),
    ROOT / "src/ponteio/commands/doctor.py",
    ROOT / "src/ponteio/commands/doctor_house.py",
]
PAGES = {Language.EN: "troubleshooting.md", Language.PT: "troubleshooting.pt-BR.md"}

#: What is named in a line to paste; the rest of the values stays as `…`.
NAMES = {
    Language.EN: {"name": "NAME", "link": "instance/NAME", "path": "DATA", "known": "2.3.7"},
    Language.PT: {"name": "NOME", "link": "instance/NOME", "path": "DADOS", "known": "2.3.7"},
}
ALWAYS = {"url_setting": "EVOLUTION_API_URL", "key_setting": "EVOLUTION_API_KEY", "known": "2.3.7"}

Rows = dict[str, tuple[str, ...]]

#: By symptom: what the diagnosis sees, and the texts of what to do about it.
SYMPTOMS: dict[tuple[str, str], Rows] = {
    ("It does not connect", "Não conecta"): {
        "settings.switched_off": ("settings.switch_on",),
        "settings.bad_address": ("settings.address",),
        "settings.no_key": ("settings.key",),
        "settings.path_odd": ("settings.cut_path",),
        "address.refused": ("address.allow",),
        "address.unknown": ("address.spelling",),
        "address.silent": ("address.dns",),
        "tcp.refused": ("tcp.start",),
        "tcp.silent": ("tcp.firewall",),
        "tcp.unreachable": ("tcp.firewall",),
        "tls.expired": ("tls.renew",),
        "tls.not_yet": ("tls.clock",),
        "tls.self_signed": ("tls.trusted",),
        "tls.unknown_issuer": ("tls.chain", "tls.trusted"),
        "tls.wrong_host": ("tls.host",),
        "tls.bad_certificate": ("tls.trusted",),
        "tls.no_tls": ("tls.http",),
        "tls.broken": ("server.proxy",),
        "server.frozen": ("server.restart",),
        "server.html": ("server.proxy",),
        "server.redirect_https": ("server.https",),
        "server.redirect": ("server.final",),
        "server.proxy_error": ("tcp.start",),
        "server.stranger": ("server.proxy",),
        "server.not_http": ("server.proxy",),
        "server.broken": ("server.proxy",),
        "version.licence": ("version.activate",),
        "key.wrong": ("key.set_global",),
        "key.instance": ("key.set_global",),
        "key.cors": ("key.cors",),
        "key.failed": ("any.upstream_log",),
        "websocket.off": ("websocket.switch_on",),
        "websocket.kept_back": ("websocket.proxy",),
        "websocket.broken": ("websocket.proxy",),
        "polling.key_refused": ("key.set_global",),
        "polling.other": ("server.proxy",),
        "upgrade.stripped": ("upgrade.headers",),
        "upgrade.key_refused": ("key.set_global",),
        "upgrade.failed": ("upgrade.headers", "server.proxy"),
    },
    ("Events do not arrive", "Eventos não chegam"): {
        "instance.absent": ("instance.spelling",),
        "instance.failed": ("any.upstream_log",),
        "link.unowned": ("link.assign",),
        "link.off": ("link.connect",),
        "link.limit": ("link.limits",),
        "namespace.comma": ("namespace.rename",),
        "namespace.pending_off": ("events.set",),
        "namespace.pending_restart": ("namespace.restart",),
        "namespace.pending_new": ("namespace.restart",),
        "namespace.pending_quiet": ("namespace.message",),
        "namespace.refused": ("any.upstream_log",),
        "namespace.lost": ("any.upstream_log",),
        "global_mode.off": ("global_mode.switch_on",),
        "events.never_set": ("events.set",),
        "events.off": ("events.set",),
        "events.manager": ("events.set", "events.manager"),
        "events.missing": ("events.set",),
        "events.failed": ("any.upstream_log",),
        "round_trip.lost": ("round_trip.steps",),
        "round_trip.heard_only": ("round_trip.steps",),
        "round_trip.refused": ("any.upstream_log",),
    },
    ("Reconnection does not work", "A reconexão não funciona"): {
        "link.waiting": ("link.wait",),
        "stability.breaking": ("stability.proxy",),
    },
    ("Large events are missing", "Faltam eventos grandes"): {
        "frames.oversize": ("frames.limit",),
    },
    ("Events arrive late, or with a wrong time", "Eventos chegam tarde ou com hora errada"): {
        "round_trip.slow": (),
        "clock.wrong": ("clock.ntp",),
        "any.too_slow": ("any.upstream_log",),
        "any.call_failed": ("any.upstream_log",),
    },
    ("No QR code comes, or the phone is not connected", "O QR code não vem, ou o celular não está conectado"): {
        "instance.not_open": ("instance.pair",),
    },
    ("After an outage messages are missing", "Faltam mensagens depois de uma queda"): {
        "saving.off": ("saving.switch_on",),
    },
    ("Others could read along", "Outros poderiam ler"): {
        "settings.public_key": ("settings.new_key",),
        "tls.plain_public": ("tls.https",),
        "tls.expires_soon": ("tls.renew",),
        "version.checks_no_keys": ("version.update",),
        "open_door.loopback": ("open_door.list",),
        "open_door.listed": ("open_door.list",),
        "open_door.old": ("version.update",),
        "keys_exposed.exposed": ("keys_exposed.switch_off",),
    },
    ("The gateway itself", "O próprio gateway"): {
        "own_settings.faults": ("own_settings.mend",),
        "data_dir.absent": ("data_dir.make",),
        "data_dir.read_only": ("data_dir.own",),
        "disk.little": ("disk.clear",),
        "disk.full": ("disk.clear",),
        "database.absent": ("database.migrate",),
        "database.behind": ("database.migrate",),
        "database.newer": ("database.update",),
        "database.unreachable": ("database.start",),
        "secret_key.lost": ("secret_key.restore",),
        "secret_key.unreadable": ("secret_key.restore",),
        "gateway.free": ("gateway.start",),
        "gateway.taken": ("gateway.port",),
        "gateway.stranger": ("gateway.url",),
        "gateway.not_ready": ("database.start",),
        "organizations.none": ("organizations.make",),
        "organizations.empty": ("organizations.invite",),
        "unassigned.some": ("unassigned.assign",),
        "quarantine.growing": ("quarantine.look",),
        "servers.none": ("servers.list",),
        "servers.unreadable": ("secret_key.restore",),
        "any.broke": ("any.see_log",),
    },
}

#: What is well, cannot be told, or only adds to something else. Their actions are hints.
WELL = {
    *("any.not_tried", "any.no_instance", "any.no_time", "any.no_records"),
    *("settings.global", "settings.traditional", "settings.path_kept", "address.resolved", "address.shown"),
    *("tcp.open", "tcp.shown", "tls.valid", "tls.plain_private", "server.answers", "server.start_page_hangs"),
    *("server.shown", "version.good", "version.other", "version.untold", "key.global", "instance.open"),
    *("instance.near", "websocket.on", "polling.opened", "polling.key_cause", "upgrade.opened", "open_door.closed"),
    *("open_door.untold", "frames.fit", "frames.unknown", "stability.steady", "stability.unknown", "link.connected"),
    *("link.pending", "link.cause", "link.unknown", "namespace.joined", "namespace.root", "global_mode.not_wanted"),
    *("global_mode.on", "global_mode.quiet", "events.all", "events.ignored", "saving.on", "saving.unknown"),
    *("saving.failed", "keys_exposed.none", "keys_exposed.unknown", "clock.right", "clock.untold", "clock.zone"),
    *("round_trip.not_asked", "round_trip.not_possible", "round_trip.shared_number", "round_trip.stored"),
    *("round_trip.heard", "round_trip.pending", "own_settings.good", "data_dir.writable", "disk.room"),
    *("disk.elsewhere", "secret_key.readable", "secret_key.absent", "database.current", "gateway.ready"),
    *("gateway.shown", "organizations.peopled", "unassigned.none", "quarantine.quiet"),
}
HINTS = {"server.whatsapp", "global_mode.traffic", "round_trip.ask"}


def row(evidence: str, actions: tuple[str, ...], language: Language) -> str:
    """One line of a page: what the doctor prints, what it means, and what to do."""
    seen = _filled(EVIDENCE[evidence], language)
    act = " ".join(_filled(ADVICE[each], language) for each in actions)
    return f"| `{evidence.replace('.', ': ')}` | {seen} | {act} |".replace("  |", " |")


def _filled(text: tuple[str, str], language: Language) -> str:
    template = text[0 if language is Language.EN else 1]
    values = dict.fromkeys((name for _, name, _, _ in Formatter().parse(template) if name), "…")
    values |= {name: value for name, value in {**ALWAYS, **NAMES[language]}.items() if name in values}
    return template.format_map(values)


def title(symptom: tuple[str, str], language: Language) -> str:
    return symptom[0 if language is Language.EN else 1]


@pytest.mark.parametrize("language", list(Language))
def test_each_page_has_every_row_under_its_symptom_and_no_other(language: Language) -> None:
    page = (ROOT / "docs" / PAGES[language]).read_text()
    sections = {part.partition("\n")[0]: part for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]}
    for symptom, rows in SYMPTOMS.items():
        section = sections[title(symptom, language)]
        found = [line for line in section.splitlines() if line.startswith("| `")]
        assert found == [row(evidence, actions, language) for evidence, actions in rows.items()]


def test_every_text_is_on_the_pages_or_is_well() -> None:
    listed = [evidence for rows in SYMPTOMS.values() for evidence in rows]
    assert len(listed) == len(set(listed))
    assert set(listed) | WELL == set(EVIDENCE)
    assert not set(listed) & WELL
    advised = {action for rows in SYMPTOMS.values() for actions in rows.values() for action in actions}
    assert advised | HINTS == set(ADVICE)


def _plain_calls() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Each finding whose texts stand in the call itself: how it is made, its evidence and its actions."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            arguments = list(node.args)
            verdict = node.func.id
            first = arguments[0] if arguments else None
            if verdict == "_found" and isinstance(first, ast.Attribute):
                verdict, arguments = first.attr.lower(), arguments[1:]
            if verdict not in ("ok", "warn", "fail", "skipped"):
                continue
            texts = [each.value for each in arguments if isinstance(each, ast.Constant)]
            if len(texts) == len(arguments) and texts:
                yield verdict, str(texts[0]), tuple(map(str, texts[1:]))


def test_the_pages_advise_what_the_code_advises() -> None:
    rows = {evidence: actions for each in SYMPTOMS.values() for evidence, actions in each.items()}
    calls = list(_plain_calls())
    assert len(calls) > 80
    for verdict, evidence, actions in calls:
        if verdict in ("warn", "fail"):
            assert rows[evidence] == actions, evidence
        else:
            assert evidence in WELL, evidence


def test_every_text_is_used() -> None:
    text = "\n".join(path.read_text() for path in SOURCES)
    made_up = {"polling.key_refused", "upgrade.key_refused"}
    unused = [name for name in (*EVIDENCE, *ADVICE) if f'"{name}"' not in text and name not in made_up]
    assert not unused
