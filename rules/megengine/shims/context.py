"""Contexts of torch."""

import contextlib

from megengine.core.autodiff import grad


class no_grad(contextlib.ContextDecorator):
    """Record no gradients inside, so that what is made there is a constant."""

    def __enter__(self):
        managers = grad.get_grad_managers()
        self.paused = [*getattr(self, "paused", []), managers]
        for manager in managers:
            manager.suppress()
        return self

    def __exit__(self, *error):
        for manager in self.paused.pop():
            manager.resume()
        return False


def checkpoint(function, *args, use_reentrant=None, preserve_rng_state=True, determinism_check="default", debug=False):
    """The function's result; nothing is computed twice, so it takes the memory that the source saves."""
    return function(*args)
