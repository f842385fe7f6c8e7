"""MegEngine's order of modules: by name, with lists and dictionaries opened."""

from mindspore import nn


def opened(name, value):
    """The modules that an attribute holds, by MegEngine's names."""
    if type(value) is nn.CellList:
        return [pair for i, v in enumerate(value) for pair in opened(f"{name}.{i}", v)]
    if type(value).__name__ == "ModuleDict":
        inside = value.name_cells()
        return [pair for key in sorted(inside) for pair in opened(f"{name}.{key}", inside[key])]
    return [] if value is None else [(name, value)]


def flattened(module, recursive=True, prefix="", seen=None):
    """Names and modules below a module, each once, those of equal depth by name."""
    seen = {id(module)} if seen is None else seen
    for key in sorted(module._cells):
        for name, leaf in opened(key, module._cells[key]):
            if id(leaf) in seen:
                continue
            seen.add(id(leaf))
            yield prefix + name, leaf
            if recursive:
                yield from flattened(leaf, True, prefix + name + ".", seen)


def sorted_named_children(module):
    """A module's direct parts with their names."""
    return flattened(module, recursive=False)


def sorted_children(module):
    """A module's direct parts."""
    return (child for _, child in sorted_named_children(module))


def sorted_named_modules(module):
    """A module, and all below it, with their names."""
    yield "", module
    yield from flattened(module)


def sorted_modules(module):
    """A module, and all below it."""
    return (part for _, part in sorted_named_modules(module))
