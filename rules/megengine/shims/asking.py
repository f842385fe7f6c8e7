"""What code asks of layers whose class only the run tells: torch's names for classes."""

import megengine.module as M


def class_name(layer):
    """The name of an object's class, for layers the one that torch has."""
    return name_of(getattr(layer, "plain_class", type(layer)))


def name_of(kind):
    """The name of a class, for layers the one that torch has."""
    name = kind.__name__
    if not kind.__module__.startswith("megengine."):
        for prefix in ("Torch", "Sides"):
            if name.startswith(prefix):
                return name[len(prefix):]
    return name


def set_setting(layer, name, value):
    """Give a layer that is made another eps, momentum or p, as torch takes them; TypeError where that can't be."""
    kinds = [(k.__module__, k.__name__) for k in type(layer).__mro__]
    plain = any(m.startswith("megengine.module.") and n not in ("Module", "Sequential") for m, n in kinds)
    shim = any(n.startswith("Torch") for _, n in kinds)
    of = "Dropout" if name == "p" else "Norm"
    if not (plain or shim) or not any(of in n for _, n in kinds):
        setattr(layer, name, value)  # torch's does not read it
    elif isinstance(layer, M.Dropout) and name == "p":
        layer.drop_prob = value
    elif name in ("eps", "momentum") and hasattr(layer, name) and isinstance(value, (int, float)):
        complement = name == "momentum" and plain
        setattr(layer, name, 1 - value if complement else value)
    else:
        raise TypeError("%s.%s can't be set to %r once the layer is made" % (class_name(layer), name, value))


def stands_for(kind, other):
    """Whether two classes are one, or both a layer's that is one class in torch: MegEngine's own and a shim."""
    layers = [k.__module__.startswith("megengine.module.") or k.__name__.startswith(("Torch", "Sides"))
              for k in (kind, other)]
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
