"""How a diagnosis is asked for and answered over REST: as a whole, or step by step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import orjson
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from ponteio.model import outcome
from ponteio.model.diagnosis import Finding, Language, Told, Verdict, language_of, overall
from ponteio.model.outcome import RefusalError

NDJSON = "application/x-ndjson"
PER_MINUTE = 10
"""Diagnoses that one organization, or the operators, may ask for."""
TURN_S = 75.0
"""Longer than any diagnosis takes: whoever left without a word gives the turn back then."""


class DiagnosisOrder(BaseModel):
    """What a diagnosis may do."""

    model_config = ConfigDict(extra="forbid")

    round_trip: bool = Field(
        False, description="Send a message into the instance (EVOLUTION channel only) and wait for it. It is seen."
    )


class StepAnswer(BaseModel):
    """One step. `skipped` could not be tried: `evidence` says why."""

    step: str = Field(description="A stable id.")
    verdict: Verdict
    reason: str = Field(description="A stable id of what was seen, for programs.")
    evidence: str = Field(description="What was seen. No secret is in it; addresses are the operator's to see.")
    action: str | None = Field(description="What to do, as exact as a line to paste.")


class DiagnosisAnswer(BaseModel):
    """All steps in order. As `application/x-ndjson`: a step a line, then a line without `step` and `steps`."""

    instance: str
    ok: bool = Field(description="Whether no step failed.")
    verdict: Verdict = Field(description="The worst of the steps.")
    steps: list[StepAnswer]


class DiagnosisTurns:
    """One diagnosis at a time for each organization, and one for the operators."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def take(self, whose: str) -> None:
        """It is the turn of `whose` until it is given back. Raises `RefusalError` DIAGNOSIS_RUNNING."""
        now = asyncio.get_running_loop().time()
        if self._until.get(whose, now) > now:
            raise RefusalError(outcome.DIAGNOSIS_RUNNING)
        self._until[whose] = now + TURN_S

    def give_back(self, whose: str) -> None:
        """The turn is free."""
        self._until.pop(whose, None)


def wanted_language(request: Request, named: str | None) -> Language:
    """The language that the request names, else the one that its client likes best."""
    return language_of(named or request.headers.get("accept-language", ""))


def wants_steps(request: Request) -> bool:
    """Whether the client takes the steps one by one."""
    return NDJSON in request.headers.get("accept", "")


def step_answer(told: Told) -> StepAnswer:
    """A step as it is answered."""
    return StepAnswer(
        step=told.step, verdict=told.verdict, reason=told.reason, evidence=told.evidence, action=told.action
    )


async def as_lines(
    name: str, steps: AsyncGenerator[Finding, None], language: Language, *, sees_addresses: bool
) -> AsyncIterator[bytes]:
    """A line of JSON for each step as soon as it is made, and one for the whole. `steps` is closed at the end."""
    verdicts = []
    async with aclosing(steps):
        async for found in steps:
            verdicts.append(found.verdict)
            answer = step_answer(found.told(language, sees_addresses=sees_addresses))
            yield orjson.dumps(answer.model_dump()) + b"\n"
    worst = overall(verdicts)
    yield orjson.dumps({"instance": name, "ok": worst is not Verdict.FAIL, "verdict": worst}) + b"\n"


async def as_whole(
    name: str, steps: AsyncGenerator[Finding, None], language: Language, *, sees_addresses: bool
) -> DiagnosisAnswer:
    """Everything at once."""
    async with aclosing(steps):
        found = [each.told(language, sees_addresses=sees_addresses) async for each in steps]
    worst = overall(each.verdict for each in found)
    return DiagnosisAnswer(
        instance=name, ok=worst is not Verdict.FAIL, verdict=worst, steps=[step_answer(each) for each in found]
    )
