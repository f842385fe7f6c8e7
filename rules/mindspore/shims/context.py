"""Contexts of torch that mean nothing here."""

import contextlib


class no_grad(contextlib.ContextDecorator):
    """Gradients are recorded only where they are asked for: nothing to switch off."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False
