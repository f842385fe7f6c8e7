"""Writes the beginning of a rule for an API: its operator, its binding, and what is left to fill in."""

from __future__ import annotations

import re

from convmap.errors import RuleError
from convmap.model import Param
from convmap.rules import Framework, parse_signature

IGNORED = ("device",)  # nothing of what a call computes hangs on it
DROPPED = ("out", "generator")  # a call that gives one is refused


def stub(api: str, kind: str, signature: str, source: Framework, targets: list[Framework]) -> dict[str, str]:
    """Give the files of a rule folder by their paths in it.

    ``kind`` is layer or function, ``signature`` what the framework itself says, without ``self``. Raises
    RuleError where the signature is not one.
    """
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", api.rpartition(".")[2]).lower()
    params = [p for p in parse_signature(api, signature) if p.kind != "kwargs"]
    if any(p.kind == "args" for p in params):
        raise RuleError(f"{api}{signature}: a signature with *args has to be written by hand")
    params = [p for p in params if p.name not in DROPPED]
    kept = [p for p in params if p.name not in IGNORED]
    slots = ", ".join(f'"{p.name}{_neutral(p)}"' for p in kept)
    weights = (
        '\n# weights = ["weight", "bias"]  # its tensors, by names of your own' if kind == "layer" else ""
    )
    maps = ", ".join(f'{{ adapter = "ignored", param = "{p.name}" }}' for p in params if p.name in IGNORED)
    files = {
        f"ops/{name}.toml": (
            f"# What {name} means in any framework. A slot with a value is not used where it has that value.\n"
            f'[{name}]\nkind = "{kind}"\nslots = [{slots}]{weights}\n'
        ),
        f"{source.name}/{name}.toml": (
            f'[[binding]]\nop = "{name}"\napi = "{api}"\nsignature = "{_plain(signature)}"\n'
            + (f"maps = [{maps}]\n" if maps else "")
        ),
    }
    own = ", ".join(f"{p.name}{_neutral(p)}" for p in kept)
    for target in targets:
        files[f"{target.name}/{name}.toml"] = (
            f"# How {target.name} {target.version} says it. A parameter of another name than its slot:\n"
            '#     maps = [{ slot = "dim", param = "axis" }]\n'
            "# What it can't do, over the names of the slots:\n"
            '#     limits = [{ when = "dim is None", reason = "an axis has to be given" }]\n'
            f"# Where no call is exact for every value: a {'class' if kind == 'layer' else 'function'} with this\n"
            f"# signature in {target.name}/shims/{name}.py, and shim = in place of api =\n"
            f'# [[binding]]\n# op = "{name}"\n# api = "{target.package}...."\n# signature = "{own}"\n'
        )
    return files


def _neutral(param: Param) -> str:
    return f"={param.default.code}" if param.default is not None else ""


def _plain(signature: str) -> str:
    """Drop annotations and quotation marks that TOML would take for the end."""
    params, star = [], False
    for p in parse_signature("", signature):
        if p.kind == "keyword" and p.name not in DROPPED and not star:
            params.append("*")
            star = True
        if p.kind != "kwargs" and p.name not in DROPPED:
            params.append(p.name + _neutral(p))
    return ", ".join(params).replace('"', "'")
