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
