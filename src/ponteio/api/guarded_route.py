"""Routes that ask who is there before they read a body."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from ponteio.api.authentication import Guard, admit, authenticate, services_of


class GuardedRoute(APIRoute):
    """Whoever may not ask is told so before the body is read: the framework reads and parses it before it looks at a
    route's dependencies, and would tell a stranger about his JSON instead.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        calls = list(calls_of(self.dependant))
        if authenticate not in calls:
            return handle
        guards = [call for call in calls if isinstance(call, Guard)]

        async def guarded(request: Request) -> Response:
            caller = await admit(request, await services_of(request))
            for guard in guards:
                guard.check(caller)
            return await handle(request)

        return guarded


def calls_of(dependant: Dependant) -> Iterator[Any]:
    """Everything that is called before the route itself."""
    for each in dependant.dependencies:
        yield each.call
        yield from calls_of(each)
