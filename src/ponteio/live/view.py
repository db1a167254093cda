"""What one socket is shown of its organization's events."""

from __future__ import annotations

from dataclasses import dataclass

from ponteio.live.question import Question, Questions
from ponteio.model.filter import EventFilter
from ponteio.model.filter_names import narrowed
from ponteio.model.filter_tree import Filter
from ponteio.model.identity import OrganizationScope
from ponteio.model.sight import Sight


@dataclass(frozen=True, slots=True)
class View:
    """The events that a socket may see (`allowed`) and also wants (`wanted`), and how much of each (`sight`).

    `question` is there when names alone do not decide what the socket wants: then it decides, and `wanted` is what it
    asks of names.
    """

    allowed: EventFilter
    wanted: EventFilter
    sight: Sight
    question: Question | None = None

    @classmethod
    def of(cls, scope: OrganizationScope, wanted: EventFilter | Filter, questions: Questions) -> View:
        """The view within `scope` of a socket with the filter `wanted`. `questions` are those of the whole edge."""
        if isinstance(wanted, EventFilter):
            return cls(scope.allowed, wanted, scope.sight)
        names, rest = narrowed(wanted)
        question = None if rest is None else questions.of(rest, scope.sight)
        return cls(scope.allowed, names, scope.sight, question)

    def shows(self, instance: str, event: str) -> bool:
        """Whether the event named `event` of this instance is shown, as far as names decide."""
        return (self.allowed.is_everything or self.allowed.matches(instance, event)) and (
            self.wanted.is_everything or self.wanted.matches(instance, event)
        )

    def covers(self, instance: str) -> bool:
        """Whether news about this instance is shown."""
        names = (self.allowed.instances, self.wanted.instances)
        return all(some is None or instance in some for some in names)
