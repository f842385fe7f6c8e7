"""A framework's process: answers requests on its standard output, which it keeps for itself.

Started as a script by client.py: ``python worker.py torch``. Python 3.8 and later.
"""

from __future__ import annotations

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


def main():
    # Frameworks print to standard output: the wire gets the real one, they get standard error.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    name = sys.argv[1]
    framework = importlib.import_module(name + "_side")
    models, opened = {}, None
    wire.send(out, {"ok": framework.info()})
    while True:
        request = wire.receive(sys.stdin.buffer)
        if request is None:
            return
        try:
            verb, arguments = request["verb"], request["arguments"]
            if verb == "load":
                number = len(models)
                models[number] = framework.Model(number=id(models) + number, **arguments)
                answer = {"model": number, "tree": models[number].tree()}
            elif verb == "open":
                opened = framework.Checkpoint(**arguments)
                answer = {"rows": opened.rows(), "others": opened.others, "key": opened.key}
            elif verb == "read":
                answer = opened.read(**arguments)
            elif verb == "save":
                answer = framework.save_checkpoint(**arguments)
            elif verb == "signature":
                answer = signature(**arguments)
            elif verb == "info":
                answer = framework.info(**arguments)
            elif verb == "call":
                answer = framework.call(**arguments)
            else:
                model = models[arguments.pop("model")]
                answer = getattr(model, verb)(**arguments)
            reply = {"ok": answer}
        except BaseException as error:  # noqa: BLE001 - every failure is an answer
            reply = {"error": {"type": type(error).__name__, "message": str(error),
                               "traceback": traceback.format_exc()}}  # fmt: skip
        wire.send(out, reply)


if __name__ == "__main__":
    main()
