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
    """A dictionary of modules, registered under their keys as in torch."""

    def __init__(self, modules=None):
        super().__init__()
        self.order = []
        self.update(modules or {})

    def update(self, modules):
        """Add modules by name."""
        for key, module in modules.items() if hasattr(modules, "items") else modules:
            self[key] = module

    def __setitem__(self, key, module):
        if key not in self.order:
            self.order.append(key)
        setattr(self, key, module)

    def __getitem__(self, key):
        if key not in self.order:
            raise KeyError(key)
        return getattr(self, key)

    def __contains__(self, key):
        return key in self.order

    def __len__(self):
        return len(self.order)

    def __iter__(self):
        return iter(self.order)

    def keys(self):
        """The names, in order."""
        return list(self.order)

    def values(self):
        """The modules, in order."""
        return [self[key] for key in self.order]

    def items(self):
        """Names and modules, in order."""
        return [(key, self[key]) for key in self.order]

    def forward(self):
        raise TypeError("a ModuleDict is not called; its elements are")
