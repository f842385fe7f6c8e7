"""What code asks of layers whose class only the run tells: torch's names for classes and parameters."""

def class_name(layer):
    """The name of an object's class, for layers the one that torch has."""
    kind = getattr(layer, "plain_class", type(layer))
    name = kind.__name__
    if kind.__module__.startswith("mindspore."):
        others = {
            "Cell": "Module", "CellList": "ModuleList", "SequentialCell": "Sequential", "Dense": "Linear",
            "Conv1dTranspose": "ConvTranspose1d", "Conv2dTranspose": "ConvTranspose2d",
            "Conv3dTranspose": "ConvTranspose3d", "HSigmoid": "Hardsigmoid", "HSwish": "Hardswish",
        }
        return others.get(name, name)
    return name[len("Torch"):] if name.startswith("Torch") else name


def parameter_of(layer, name, *default):
    """A layer's parameter by torch's name; None for the weights of a norm that has none to train."""
    others = {
        "weight": ("gamma", "embedding_table", "w"), "bias": ("beta",),
        "running_mean": ("moving_mean",), "running_var": ("moving_variance",),
    }
    inner = getattr(layer, "bn2d", None) if class_name(layer) == "BatchNorm3d" else None
    for owner in (layer, inner):
        for other in (name, *others.get(name, ())):
            if hasattr(owner, other):
                found = getattr(owner, other)
                fixed = other in ("gamma", "beta") and not found.requires_grad
                return None if fixed else found
    return getattr(layer, name, *default)


def has_parameter(layer, name):
    """Whether torch's layer has an attribute of this name, be it None."""
    missing = object()
    return parameter_of(layer, name, missing) is not missing
