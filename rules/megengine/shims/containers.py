"""Containers that MegEngine has not."""

import megengine.module as M


class ModuleList(M.Module):
    """A list of modules, registered under their numbers as in torch."""

    def __init__(self, modules=()):
        super().__init__()
        self.count = 0
        self.extend(modules)

    def append(self, module):
        """Add one module at the end."""
        setattr(self, str(self.count), module)
        self.count += 1
        return self

    def extend(self, modules):
        """Add modules at the end."""
        for module in modules:
            self.append(module)
        return self

    def __iadd__(self, modules):
        return self.extend(modules)

    def insert(self, index, module):
        """Add one module before a place; those behind it get other numbers."""
        every = list(self)
        every.insert(index, module)
        for i in range(self.count):
            delattr(self, str(i))
        self.count = 0
        self.extend(every)

    def __len__(self):
        return self.count

    def __iter__(self):
        return (getattr(self, str(i)) for i in range(self.count))

    def __getitem__(self, index):
        if isinstance(index, slice):
            return ModuleList(list(self)[index])
        return getattr(self, str(range(self.count)[index]))

    def forward(self):
        raise TypeError("a ModuleList is not called; its elements are")


class ModuleDict(M.Module):
    """A dictionary of modules, registered under their keys as in torch, with those added by name."""

    def __init__(self, modules=None):
        super().__init__()
        self.update(modules or {})

    def update(self, modules):
        """Add modules by name."""
        for key, module in modules.items() if hasattr(modules, "items") else modules:
            self[key] = module

    def __setitem__(self, key, module):
        setattr(self, key, module)

    def __getitem__(self, key):
        if key not in self:
            raise KeyError(key)
        return getattr(self, key)

    def __contains__(self, key):
        return key in self.keys()

    def __len__(self):
        return len(self.keys())

    def __iter__(self):
        return iter(self.keys())

    def keys(self):
        """The names, in order."""
        return [name for name in self._modules if isinstance(getattr(self, name, None), M.Module)]

    def values(self):
        """The modules, in order."""
        return [getattr(self, key) for key in self.keys()]

    def items(self):
        """Names and modules, in order."""
        return [(key, getattr(self, key)) for key in self.keys()]

    def forward(self):
        raise TypeError("a ModuleDict is not called; its elements are")


class TorchSequential(M.Module):
    """nn.Sequential that runs what is added to it later, too: by name, or as an attribute."""

    def __init__(self, *args):
        super().__init__()
        self.order = []
        named = len(args) == 1 and isinstance(args[0], dict)
        for name, module in args[0].items() if named else enumerate(args):
            self.add_module(str(name), module)

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if isinstance(value, M.Module) and name not in self.order:
            self.order.append(name)

    def add_module(self, name, module):
        """Add a layer at the end, or put it in the place of one of the same name."""
        setattr(self, name, module)

    def layers(self):
        """The layers, in order."""
        return [getattr(self, name) for name in self.order]

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
            return TorchSequential(dict(list(zip(self.order, self.layers()))[index]))
        return self.layers()[index]

    def __setitem__(self, index, module):
        self.add_module(self.order[index], module)

    def forward(self, input):
        for module in self.layers():
            input = module(input)
        return input
