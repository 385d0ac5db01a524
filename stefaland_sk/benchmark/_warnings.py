"""Warnings of one thread, kept apart from those of the others that work beside it."""

import threading
import warnings
from contextlib import contextmanager


class _Listeners:
    """Which threads listen, and what warnings were like before the first of them did.

    ``warnings.catch_warnings`` puts back what it found; two threads that enter and leave it in
    turn put back each other's. So it is entered once for all, and a warning goes to the list of
    the thread that it was raised in.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._lists = {}
        self._context = None
        self._show = None
        self._hear_bound = self._hear  # each access would make another one

    def enter(self, caught):
        """Begin to listen in this thread; give the list that stood there before."""
        with self._lock:
            if not self._lists:
                self._context = warnings.catch_warnings()
                self._context.__enter__()
            if warnings.showwarning is not self._hear_bound:
                self._show, warnings.showwarning = warnings.showwarning, self._hear_bound
            warnings.simplefilter("always")  # others, who start beside us, may have set theirs
            own = threading.get_ident()
            before = self._lists.get(own)
            self._lists[own] = caught
            return before

    def leave(self, before):
        """Stop listening in this thread, or go on with the list from before."""
        with self._lock:
            own = threading.get_ident()
            if before is None:
                del self._lists[own]
            else:
                self._lists[own] = before
            if not self._lists:
                self._context.__exit__(None, None, None)
                self._context = None

    def _hear(self, message, category, filename, lineno, file=None, line=None):
        """Keep a warning for its thread; show it as before if its thread does not listen.

        Somebody else who leaves ``catch_warnings`` late may put this back after all have left;
        then it only passes warnings on.
        """
        caught = self._lists.get(threading.get_ident())
        if caught is not None:
            caught.append((category, str(message)))
        elif self._show is not None:
            self._show(message, category, filename, lineno, file, line)


_LISTENERS = _Listeners()


@contextmanager
def recorded_warnings():
    """Keep the warnings that this thread raises inside the block, and show none of them.

    Yields
    ------
    list of (type, str)
        Category and text, filled as they come.
    """
    caught = []
    before = _LISTENERS.enter(caught)
    try:
        yield caught
    finally:
        _LISTENERS.leave(before)
