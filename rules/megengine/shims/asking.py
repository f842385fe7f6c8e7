"""What code asks of layers whose class only the run tells: torch's names for classes."""

def class_name(layer):
    """The name of an object's class, for layers the one that torch has."""
    kind = getattr(layer, "plain_class", type(layer))
    name = kind.__name__
    if not kind.__module__.startswith("megengine."):
        for prefix in ("Torch", "Sides"):
            if name.startswith(prefix):
                return name[len(prefix):]
    return name
