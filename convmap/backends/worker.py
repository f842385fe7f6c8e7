"""A framework's process: answers requests on its standard output, which it keeps for itself.

Started as a script by client.py: ``python worker.py torch``. Python 3.8 and later.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wire  # noqa: E402


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
