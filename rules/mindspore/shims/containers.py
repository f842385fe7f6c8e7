"""Containers of torch, in MindSpore."""

from mindspore import nn


class ModuleDict(nn.Cell):
    """A dictionary of cells, registered under their keys as in torch (a CellList takes no CellDict)."""

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
        module.update_parameters_name(key + ".")
        self._cells[key] = module

    def __getitem__(self, key):
        if key not in self.order:
            raise KeyError(key)
        return self._cells[key]

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

    def construct(self):
        raise TypeError("a ModuleDict is not called; its elements are")
