"""Contexts of torch."""

import contextlib

from megengine.core.autodiff import grad


class no_grad(contextlib.ContextDecorator):
    """Record no gradients inside, so that what is made there is a constant."""

    depth = 0  # how many are open

    def __enter__(self):
        no_grad.depth += 1
        managers = grad.get_grad_managers()
        self.paused = [*getattr(self, "paused", []), managers]
        for manager in managers:
            manager.suppress()
        return self

    def __exit__(self, *error):
        no_grad.depth -= 1
        for manager in self.paused.pop():
            manager.resume()
        return False


def is_grad_enabled():
    """Whether gradients are recorded here, as far as no_grad decides."""
    return no_grad.depth == 0


def checkpoint(function, *args, use_reentrant=None, preserve_rng_state=True, determinism_check="default", debug=False):
    """The function's result; nothing is computed twice, so it takes the memory that the source saves."""
    return function(*args)
