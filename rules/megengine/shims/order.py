"""torch's order of modules and parameters, which is the order in which they were set; MegEngine goes by name."""

import megengine
import megengine.module as M


def named_children(module):
    """A module's direct parts with their names, each part once."""
    seen = set()
    for name in module._modules:
        child = vars(module)[name]
        if isinstance(child, M.Module) and id(child) not in seen:
            seen.add(id(child))
            yield name, child


def children(module):
    """A module's direct parts."""
    return (child for _, child in named_children(module))


def named_modules(module, prefix="", seen=None):
    """A module, and all below it, with their names, each once."""
    seen = set() if seen is None else seen
    if id(module) in seen:
        return
    seen.add(id(module))
    yield prefix, module
    for name, child in named_children(module):
        yield from named_modules(child, f"{prefix}.{name}" if prefix else name, seen)


def modules(module):
    """A module, and all below it."""
    return (part for _, part in named_modules(module))


def named_parameters(module):
    """The parameters with their names: a module's own, then those of its parts."""
    seen = set()
    for path, part in named_modules(module):
        for name, value in vars(part).items():
            if isinstance(value, megengine.Parameter) and id(value) not in seen:
                seen.add(id(value))
                yield f"{path}.{name}" if path else name, value


def parameters(module):
    """The parameters: a module's own, then those of its parts."""
    return (value for _, value in named_parameters(module))


def apply(module, fn):
    """Call a function on every module below, then on the module, and give it back."""
    for child in children(module):
        apply(child, fn)
    fn(module)
    return module
