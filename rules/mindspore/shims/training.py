"""How cells hear of the mode that is set for the cell they are in."""


class asked_by_parents:
    """Have a parent's set_train call a cell's own, as torch's train does; MindSpore's goes round it."""

    def __init__(self, function):
        self.function = function

    def __set_name__(self, owner, name):
        own, busy = self.function, "_own_set_train_runs"

        def set_train(self, mode=True):
            before = self.__dict__.get(busy, False)
            self.__dict__[busy] = True
            try:
                return own(self, mode)
            finally:
                self.__dict__[busy] = before

        def add_flags_recursive(self, **flags):
            if set(flags) == {"training"} and not self.__dict__.get(busy, False):
                self.set_train(flags["training"])
                return self
            return super(owner, self).add_flags_recursive(**flags)

        owner.set_train, owner.add_flags_recursive = set_train, add_flags_recursive
