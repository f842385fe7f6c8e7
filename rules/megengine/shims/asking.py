"""What code asks of layers whose class only the run tells: torch's names for classes."""

import megengine.module as M


def class_name(layer):
    """The name of an object's class, for layers the one that torch has."""
    kind = getattr(layer, "plain_class", type(layer))
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
