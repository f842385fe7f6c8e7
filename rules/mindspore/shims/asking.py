"""What code asks of layers whose class only the run tells: torch's names for classes and parameters."""

from mindspore import nn, ops


def class_name(layer):
    """The name of an object's class, for layers the one that torch has."""
    return name_of(getattr(layer, "plain_class", type(layer)))


def name_of(kind):
    """The name of a class, for layers the one that torch has."""
    name = kind.__name__
    if kind.__module__.startswith("mindspore."):
        others = {
            "Cell": "Module", "CellList": "ModuleList", "SequentialCell": "Sequential", "Dense": "Linear",
            "Conv1dTranspose": "ConvTranspose1d", "Conv2dTranspose": "ConvTranspose2d",
            "Conv3dTranspose": "ConvTranspose3d", "HSigmoid": "Hardsigmoid", "HSwish": "Hardswish",
        }
        return others.get(name, name)
    return name.removeprefix("Torch").removeprefix("MegEngine")


def is_layer(cell):
    """Whether a cell is a layer of MindSpore's or stands for one of torch's: its parameters are named there."""
    kinds = [(k.__module__, k.__name__) for k in type(cell).__mro__]
    own = [m for m, _ in kinds if m.startswith("mindspore.nn.layer.") and not m.endswith(".container")]
    return bool(own) or any(name.startswith("Torch") for _, name in kinds)


def torch_name(cell, name):
    """Torch's name for a layer's parameter or statistic; None for a weight that a norm does not train."""
    if "weight" in cell._params:
        return name
    if name in ("gamma", "beta"):
        # A norm does not say whether it was made to train: one that is frozen later is known from before, as
        # are its copies (a copied parameter keeps no attributes).
        trained = [p for p in (cell.gamma, cell.beta) if p is not None and p.requires_grad]
        cell.learns = getattr(cell, "learns", False) or bool(trained)
        if not cell.learns:
            return None
    others = {
        "gamma": "weight", "embedding_table": "weight", "w": "weight", "beta": "bias",
        "moving_mean": "running_mean", "moving_variance": "running_var",
    }
    return others.get(name, name)


def parameter_of(layer, name, *default):
    """A layer's parameter by torch's name; None for the weights of a norm that has none to train."""
    inner = getattr(layer, "bn2d", layer)  # BatchNorm3d has one inside
    if is_layer(layer) and not hasattr(layer, name):
        for other in inner._params:
            if torch_name(inner, other) == name:
                return inner._params[other]
        if name in ("weight", "bias") and hasattr(inner, "gamma"):
            return None
    return getattr(layer, name, *default)


def has_parameter(layer, name):
    """Whether torch's layer has an attribute of this name, be it None."""
    missing = object()
    return parameter_of(layer, name, missing) is not missing


def named_parameters(module):
    """The parameters that torch's module has, each once, with its names; no running statistics."""
    seen, cells = set(), {}
    for path, cell in module.cells_and_names():
        cells[path] = cell
        layer, (outer, _, last) = is_layer(cell), path.rpartition(".")
        nested = last == "bn2d" and outer in cells and is_layer(cells[outer])  # BatchNorm3d's
        prefix = outer if nested else path
        for name, parameter in cell._params.items():
            name = torch_name(cell, name) if layer else name
            statistic = layer and name in ("running_mean", "running_var")
            if parameter is None or name is None or statistic or id(parameter) in seen:
                continue
            seen.add(id(parameter))
            yield f"{prefix}.{name}" if prefix else name, parameter


def parameters(module):
    """The parameters that torch's module has, each once."""
    return (parameter for _, parameter in named_parameters(module))


def requires_grad(module, flag=True):
    """Say of all parameters whether they are trained, and give the module back."""
    for parameter in parameters(module):
        parameter.requires_grad = flag
    return module


def set_setting(layer, name, value):
    """Give a layer that is made another eps, momentum or p, as torch takes them; TypeError where that can't be."""
    inner = getattr(layer, "bn2d", layer)  # BatchNorm3d has one inside
    of = "Dropout" if name == "p" else "Norm"
    if not is_layer(layer) or not any(of in k.__name__ for k in type(layer).__mro__):
        setattr(layer, name, value)  # torch's does not read it
    elif hasattr(inner, "bn_train") and name in ("eps", "momentum") and isinstance(value, (int, float)):
        setattr(inner, name, value)
        settings = {"epsilon": inner.eps, "momentum": inner.momentum, "data_format": inner.format}
        inner.bn_train = ops.BatchNorm(is_training=True, **settings)
        inner.bn_infer = ops.BatchNorm(is_training=False, **settings)
    elif isinstance(layer, nn.LayerNorm) and name == "eps":
        layer.epsilon = value
        layer.layer_norm = ops.LayerNorm(layer.begin_norm_axis, layer.begin_params_axis, value)
    elif isinstance(layer, nn.Dropout) and name == "p" and 0 <= value < 1:
        layer.p, layer.dropout = value, ops.Dropout(1.0 - value)
    elif name == "eps" and hasattr(layer, "eps") and not hasattr(inner, "bn_train"):
        layer.eps = value
    else:
        raise TypeError("%s.%s can't be set to %r once the layer is made" % (class_name(layer), name, value))


def stands_for(kind, other):
    """Whether two classes are one, or both a layer's that is one class in torch: MindSpore's own and a shim."""
    layers = [k.__module__.startswith("mindspore.nn.") or k.__name__.startswith("Torch") for k in (kind, other)]
    return kind is other or (all(layers) and name_of(kind) == name_of(other))


def is_instance(layer, classes):
    """isinstance, for what stands for classes of torch too."""
    if isinstance(classes, tuple):
        return any(is_instance(layer, each) for each in classes)
    return isinstance(layer, classes) or any(stands_for(kind, classes) for kind in type(layer).__mro__)


def is_class(kind, classes):
    """Whether a class is another one, or one of several, or stands for the same class of torch."""
    kind = getattr(kind, "plain_class", kind)
    each = classes if isinstance(classes, (tuple, list, set, frozenset, dict)) else (classes,)
    return any(all(isinstance(k, type) for k in (kind, other)) and stands_for(kind, other) for other in each)
