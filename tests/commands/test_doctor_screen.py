"""What is printed: lines for people, with what to do, or an object a line."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from ponteio.commands.doctor_screen import DoctorScreen
from ponteio.model.diagnosis import Finding, Language, Verdict

FINE = Finding("tcp", Verdict.OK, ("tcp.open",), private=("tcp.shown",), values={"host": "evo", "port": 8080})
BAD = Finding("tls", Verdict.FAIL, ("tls.expired",), ("tls.renew",))
ASKABLE = Finding("round_trip", Verdict.SKIPPED, ("round_trip.not_asked",), ("round_trip.ask",))


def test_people_see_the_evidence_and_what_to_do() -> None:
    out = io.StringIO()
    screen = DoctorScreen(Language.EN, as_json=False, console=Console(file=out, width=100))
    screen.about_the_gateway()
    screen.about_a_server("main", "http://evo:8080", "loja-01")
    for found in (FINE, BAD, ASKABLE):
        screen.show(found)
    assert screen.end() is Verdict.FAIL
    shown = out.getvalue()
    assert "Evolution API main (http://evo:8080): loja-01" in shown
    assert "Tried: evo, port 8080." in shown
    assert "tls: expired" in shown
    assert "→ Renew the certificate" in shown
    assert "Ask for it" not in shown
    assert shown.rstrip().endswith("begin with the first FAIL.")


def test_programs_get_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    screen = DoctorScreen(Language.PT, as_json=True)
    screen.about_the_gateway()
    screen.show(FINE)
    screen.about_a_server("main", "http://evo:8080", None)
    screen.show(BAD)
    assert screen.end() is Verdict.FAIL
    first, second, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["server"], second["server"], second["instance"]) == (None, "main", None)
    assert (second["verdict"], second["reason"], second["evidence"]) == ("fail", "expired", "O certificado venceu.")
    assert last == {"ok": False, "verdict": "fail"}


@pytest.mark.parametrize(("found", "verdict"), [([], "ok"), ([FINE], "ok"), ([FINE, ASKABLE], "ok")])
def test_without_a_fault_all_is_well(found: list[Finding], verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    screen = DoctorScreen(Language.EN, as_json=True)
    for each in found:
        screen.show(each)
    assert screen.end() == verdict
