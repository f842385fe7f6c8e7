"""Containers of torch, in MindSpore."""

from mindspore import nn


class ModuleDict(nn.Cell):
    """A dictionary of cells, registered under their keys as in torch, with those added by name."""

    def __init__(self, modules=None):
        super().__init__()
        self.update(modules or {})

    def update(self, modules):
        """Add modules by name."""
        for key, module in modules.items() if hasattr(modules, "items") else modules:
            self[key] = module

    def __setitem__(self, key, module):
        module.update_parameters_name(key + ".")
        self._cells[key] = module

    def __getitem__(self, key):
        if key not in self._cells:
            raise KeyError(key)
        return self._cells[key]

    def __contains__(self, key):
        return key in self._cells

    def __len__(self):
        return len(self._cells)

    def __iter__(self):
        return iter(self._cells)

    def keys(self):
        """The names, in order."""
        return list(self._cells)

    def values(self):
        """The modules, in order."""
        return [self[key] for key in self._cells]

    def items(self):
        """Names and modules, in order."""
        return [(key, self[key]) for key in self._cells]

    def construct(self):
        raise TypeError("a ModuleDict is not called; its elements are")


class TorchSequential(nn.Cell):
    """nn.Sequential that runs what is added to it later, too: by name, or as an attribute."""

    def __init__(self, *args):
        super().__init__()
        named = len(args) == 1 and isinstance(args[0], dict)
        for name, module in args[0].items() if named else enumerate(args):
            self.add_module(str(name), module)

    def add_module(self, name, module):
        """Add a layer at the end, or put it in the place of one of the same name."""
        module.update_parameters_name(name + ".")
        self._cells[name] = module

    def layers(self):
        """The layers, in order."""
        return list(self._cells.values())

    def append(self, module):
        """Add a layer at the end, under its number."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules):
        """Add layers at the end."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self):
        return len(self.layers())

    def __iter__(self):
        return iter(self.layers())

    def __getitem__(self, index):
        if isinstance(index, slice):
            return TorchSequential(dict(list(zip(list(self._cells), self.layers()))[index]))
        return self.layers()[index]

    def __setitem__(self, index, module):
        self.add_module(list(self._cells)[index], module)

    def construct(self, input):
        for module in self.layers():
            input = module(input)
        return input
