"""Undo and redo: a list of immutable states and a place in it."""

from __future__ import annotations

from collections.abc import Iterable

from ivos.engine.state import State
from ivos.errors import SessionOrderError


class History:
    """The states a session came through.

    While annotations are pending every `annotate` is one step back; a finished round is one step as a whole.

    Args:
        state: The present.
        past: States to go back to, oldest first.
        future: States taken back by `undo`, the next `redo` last.
    """

    def __init__(self, state: State, past: Iterable[State] = (), future: Iterable[State] = ()) -> None:
        """Take up a history where it was left."""
        self.state = state
        self.past = list(past)
        self.future = list(future)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to go back to."""
        return bool(self.past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step that was taken back."""
        return bool(self.future)

    def advance(self, state: State) -> None:
        """Make `state` the present; what had been undone is forgotten."""
        self.past.append(self.state)
        if not state.pending:  # a round is finished: its annotations are no steps of their own any more
            while self.past[-1].pending:
                self.past.pop()
        self.state = state
        self.future.clear()

    def undo(self) -> None:
        """Go one step back."""
        if not self.past:
            raise SessionOrderError("There is nothing to undo: the session is as it was in the beginning.")
        self.future.append(self.state)
        self.state = self.past.pop()

    def redo(self) -> None:
        """Go one step forward again."""
        if not self.future:
            raise SessionOrderError("There is nothing to redo: the last step was not an undo.")
        self.past.append(self.state)
        self.state = self.future.pop()
