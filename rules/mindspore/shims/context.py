"""Contexts of torch."""

import contextlib

from mindspore.common import api


class no_grad(contextlib.ContextDecorator):
    """Record no gradients inside, so that what is made there is a constant; for PyNative mode."""

    def __enter__(self):
        executor = api._pynative_executor
        self.before = [*getattr(self, "before", []), executor.enable_grad()]
        executor.set_enable_grad(False)
        return self

    def __exit__(self, *error):
        api._pynative_executor.set_enable_grad(self.before.pop())
        return False


def is_grad_enabled():
    """Whether gradients are recorded here, as far as no_grad decides; for PyNative mode."""
    return api._pynative_executor.enable_grad()


def checkpoint(function, *args, use_reentrant=None, preserve_rng_state=True, determinism_check="default", debug=False):
    """The function's result; nothing is computed twice, so it takes the memory that the source saves."""
    return function(*args)
