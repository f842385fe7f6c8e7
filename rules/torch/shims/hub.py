"""Functions that MegEngine's hub gives weights to."""


def pretrained(url):
    """Mark a function that makes a model; asked for MegEngine's weights, it says how they are had."""

    def mark(function):
        def made(pretrained=False, **kwargs):
            if pretrained:
                raise RuntimeError(f"{url} has weights of MegEngine: port them with convmap weights, and load the file")
            return function(**kwargs)

        made.__name__, made.__doc__ = function.__name__, function.__doc__
        return made

    return mark
