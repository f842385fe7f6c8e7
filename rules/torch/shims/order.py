"""MegEngine's order of modules and parameters: by name, with lists and dictionaries opened."""

from torch import nn


def opened(name, value):
    """The modules and tensors that an attribute holds, by MegEngine's names."""
    if type(value) is nn.ModuleList:
        return [pair for i, v in enumerate(value) for pair in opened(f"{name}.{i}", v)]
    if type(value) is nn.ModuleDict:
        return [pair for key in sorted(value) for pair in opened(f"{name}.{key}", value[key])]
    return [] if value is None else [(name, value)]


def flattened(module, wanted, recursive=True, prefix="", seen=None):
    """Names and parts below a module that are wanted, each part once, those of equal depth by name."""
    seen = {id(module)} if seen is None else seen
    parts = {**module._parameters, **module._buffers, **module._modules}
    for key in sorted(parts):
        for name, leaf in opened(key, parts[key]):
            if id(leaf) in seen:
                continue
            seen.add(id(leaf))
            if isinstance(leaf, wanted):
                yield prefix + name, leaf
            if recursive and isinstance(leaf, nn.Module):
                yield from flattened(leaf, wanted, True, prefix + name + ".", seen)


def sorted_named_children(module):
    """A module's direct parts with their names."""
    return flattened(module, nn.Module, recursive=False)


def sorted_children(module):
    """A module's direct parts."""
    return (child for _, child in sorted_named_children(module))


def sorted_named_modules(module):
    """A module, and all below it, with their names."""
    yield "", module
    yield from flattened(module, nn.Module)


def sorted_modules(module):
    """A module, and all below it."""
    return (part for _, part in sorted_named_modules(module))


def sorted_named_parameters(module):
    """The parameters of a module and of all below it, with their names."""
    return flattened(module, nn.Parameter)


def sorted_parameters(module):
    """The parameters of a module and of all below it."""
    return (parameter for _, parameter in sorted_named_parameters(module))
