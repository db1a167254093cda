"""The house without its doors: what one command at the terminal works with, and how it answers."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from rich.console import Console
from rich.table import Table

from ponteio.config import Settings
from ponteio.foundation import Foundation
from ponteio.model.identity import Organization, User
from ponteio.model.outcome import INVALID_REQUEST, NOT_FOUND, ORGANIZATION_NOT_FOUND, RefusalError
from ponteio.observe.logging import log_to_stderr
from ponteio.tenancy.audit import Actor

TERMINAL = Actor(kind="terminal", actor_id=None, label=None, address=None)
"""Whoever may run commands on this machine: the audit log cannot know more."""


@asynccontextmanager
async def office(settings: Settings) -> AsyncIterator[Foundation]:
    """What is remembered, opened for one command. A running gateway notices changes within two seconds."""
    log_to_stderr()
    here = await Foundation.open(settings, checkpoints=False)
    try:
        yield here
    finally:
        await here.close()


def organization_of(here: Foundation, id_or_name: str) -> Organization:
    """The organization with this id or name. Raises `RefusalError` ORGANIZATION_NOT_FOUND."""
    found = here.directory.organization(id_or_name)
    if found is None:
        raise RefusalError(ORGANIZATION_NOT_FOUND, f"There is no organization {id_or_name!r}.")
    return found


async def user_of(here: Foundation, email: str) -> User:
    """The account of this e-mail address. Raises `RefusalError` NOT_FOUND."""
    found = await here.accounts.by_email(email)
    if found is None:
        raise RefusalError(NOT_FOUND, f"There is no account {email!r}.")
    return found


def secret_from(prompt: str, *, stdin: bool, twice: bool = False) -> str:
    """A secret that stands in no argument and no history: the first line of standard input, or typed without echo."""
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"{prompt}: ")
    if twice and getpass.getpass(f"{prompt} again: ") != first:
        raise RefusalError(INVALID_REQUEST, "The two are not the same.")
    return first


def say(as_json: bool, values: dict[str, object], text: str) -> None:
    """One answer: an object for programs, or a text for people."""
    print(json.dumps(values, ensure_ascii=False) if as_json else text)


def table(as_json: bool, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Many answers: an object a line for programs, or columns for people."""
    if as_json:
        for row in rows:
            print(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False))
        return
    shown = Table(box=None, header_style="bold")
    for column in columns:
        shown.add_column(column)
    for row in rows:
        shown.add_row(*row)
    Console().print(shown)
