"""A framework's process: answers requests on its standard output, which it keeps for itself.

Started as a script by client.py: ``python worker.py torch``. Python 3.8 and later.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import os
import re
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wire  # noqa: E402


def signature(name):
    """Give the kind of an API and its signature without self; raise ImportError or ValueError."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
            break
        except ImportError:
            if end == 1:
                raise
    for part in parts[end:]:
        found = getattr(found, part)
    kind = "layer" if inspect.isclass(found) else "function"
    try:
        params = list(inspect.signature(found).parameters.values())
        plain = [p.replace(annotation=inspect.Parameter.empty) for p in params]
        if kind == "layer" and all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in plain):
            plain = []  # the base class's own
        return {"kind": kind, "signature": str(inspect.Signature(plain))[1:-1]}
    except ValueError:
        # Functions in C say it in the first line of their documentation.
        said = re.match(r"\s*%s\((.*)\)" % parts[-1], found.__doc__ or "")
        if said is None:
            raise ValueError("%s has no signature" % name) from None
        return {"kind": kind, "signature": said.group(1)}


def reply_of(function, arguments):
    """Give what a call gives, or how it fails: every failure is an answer."""
    try:
        return {"ok": function(**arguments)}
    except BaseException as error:  # noqa: BLE001
        return {"error": {"type": type(error).__name__, "message": str(error),
                          "traceback": traceback.format_exc()}}  # fmt: skip


def main():
    # Frameworks print to standard output: the wire gets the real one, they get standard error.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    name = sys.argv[1]
    framework = importlib.import_module(name + "_side")
    models, opened = {}, None

    def answer(verb, arguments):
        nonlocal opened
        if verb == "load":
            number = len(models)
            models[number] = framework.Model(number=id(models) + number, **arguments)
            return {"model": number, "tree": models[number].tree()}
        if verb == "open":
            opened = framework.Checkpoint(**arguments)
            return {"rows": opened.rows(), "others": opened.others, "key": opened.key}
        if verb == "read":
            return opened.read(**arguments)
        if verb == "save":
            return framework.save_checkpoint(**arguments)
        if verb == "signature":
            return signature(**arguments)
        if verb == "info":
            return framework.info(**arguments)
        if verb == "calls":
            return [reply_of(framework.call, {**arguments["alike"], **own}) for own in arguments["each"]]
        model = models[arguments.pop("model")]
        return getattr(model, verb)(**arguments)

    wire.send(out, {"ok": framework.info()})
    gc.freeze()  # a framework's own objects are many and stay: no collection need look at them
    while True:
        request = wire.receive(sys.stdin.buffer)
        if request is None:
            return
        wire.send(out, reply_of(answer, request))


if __name__ == "__main__":
    main()
