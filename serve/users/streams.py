"""The streams that are open: each ends when whoever watches it may not read any more."""

import asyncio
from time import monotonic

from starlette.types import Scope

from serve.http.problems import Problem
from serve.reading.listening import Viewer
from serve.users.epochs import Epochs
from serve.users.guard import Guard
from serve.users.principal import READ

LOOK_SECONDS = 0.25
# Tokens and keys that only expire change no epoch, so every stream is also looked at now and then.
REVIEW_SECONDS = 15.0


class Streams:
    """The viewers of one server with what they asked; one task looks after all of them."""

    def __init__(self, guard: Guard, epochs: Epochs) -> None:
        self._guard = guard
        self._epochs = epochs
        self._scopes: dict[Viewer, Scope] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, viewer: Viewer, scope: Scope) -> None:
        """Look after a stream from now on."""
        self._scopes[viewer] = scope
        if self._task is None:
            self._task = asyncio.create_task(self._look(), name="streams and rights")

    def remove(self, viewer: Viewer) -> None:
        """Forget a stream; the task stops with the last one."""
        self._scopes.pop(viewer, None)
        if not self._scopes and self._task:
            self._task.cancel()
            self._task = None

    async def _look(self) -> None:
        epoch, reviewed = None, 0.0
        while True:
            if epoch != self._epochs.epoch or monotonic() - reviewed >= REVIEW_SECONDS:
                epoch, reviewed = self._epochs.epoch, monotonic()
                await self._review()
            await asyncio.sleep(LOOK_SECONDS)

    async def _review(self) -> None:
        for viewer, scope in tuple(self._scopes.items()):
            if not await self._may_stay(scope):
                viewer.end()

    async def _may_stay(self, scope: Scope) -> bool:
        """Tell whether a request would be admitted now; a database that is away ends nothing."""
        try:
            self._guard.refuse_unless_admitted(await self._guard.principal(scope), READ)
        except Problem as problem:
            return problem.status not in (401, 403)
        return True
