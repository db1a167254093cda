"""What `ponteio doctor` prints: a line for each step as it is made, for people or for programs."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ponteio.model.diagnosis import Finding, Language, Verdict, overall

_SIGNS = {
    Verdict.OK: ("ok", "green"),
    Verdict.WARN: ("warn", "yellow"),
    Verdict.FAIL: ("FAIL", "bold red"),
    Verdict.SKIPPED: ("-", "dim"),
}
_STEP_WIDTH = 26
"""Longer names are broken into two lines."""
_OWN_SIDE = {Language.EN: "The gateway", Language.PT: "O gateway"}
_SUMMARY = {
    Language.EN: {
        Verdict.OK: "All is well.",
        Verdict.WARN: "It works; see the warnings.",
        Verdict.FAIL: "Something does not work: begin with the first FAIL.",
    },
    Language.PT: {
        Verdict.OK: "Tudo certo.",
        Verdict.WARN: "Funciona; veja os avisos.",
        Verdict.FAIL: "Algo não funciona: comece pelo primeiro FAIL.",
    },
}


class DoctorScreen:
    """Shows findings to whoever runs the deployment: addresses are among them, secrets never."""

    def __init__(self, language: Language, *, as_json: bool, console: Console | None = None) -> None:
        self._language = language
        self._as_json = as_json
        self._console = console or Console()
        self._place: dict[str, str | None] = {"server": None, "instance": None}
        self._verdicts: list[Verdict] = []

    def about_the_gateway(self) -> None:
        """What follows is about the gateway's own side."""
        self._head({"server": None, "instance": None}, _OWN_SIDE[self._language])

    def about_a_server(self, server: str, url: str, instance: str | None) -> None:
        """What follows is about a server, and an instance of it."""
        shown = f"Evolution API {server} ({url})" + (f": {instance}" if instance else "")
        self._head({"server": server, "instance": instance}, shown)

    def show(self, found: Finding) -> None:
        """One step."""
        self._verdicts.append(found.verdict)
        told = found.told(self._language, sees_addresses=True)
        if self._as_json:
            print(json.dumps({**self._place, **asdict(told)}, ensure_ascii=False), flush=True)
            return
        sign, style = _SIGNS[told.verdict]
        row = Table.grid(padding=(0, 2))
        row.add_column(width=4)
        row.add_column(width=_STEP_WIDTH)
        row.add_column()
        is_amiss = told.verdict in (Verdict.WARN, Verdict.FAIL)
        row.add_row(
            Text(sign, style), Text(f"{told.step}: {told.reason}" if is_amiss else told.step), Text(told.evidence)
        )
        if told.action and is_amiss:
            row.add_row("", "", Text(f"→ {told.action}", "bold"))
        self._console.print(row)

    def end(self) -> Verdict:
        """The whole in one line; the worst verdict."""
        worst = overall(self._verdicts)
        if self._as_json:
            print(json.dumps({"ok": worst is not Verdict.FAIL, "verdict": worst}), flush=True)
        else:
            self._console.print(f"\n{_SUMMARY[self._language][worst]}")
        return worst

    def _head(self, place: dict[str, str | None], title: str) -> None:
        self._place = place
        if not self._as_json:
            self._console.print(Text(f"\n{title}", "bold"))
