"""The exceptions convmap raises on purpose: each carries what a user needs to act."""

from __future__ import annotations


class ConvmapError(Exception):
    """A problem the user can act on; the command line prints it in one line and exits with 2."""


class RuleError(ConvmapError):
    """A rule file is wrong; the message names the file and the key."""


class SourceError(ConvmapError):
    """A source file can't be read or parsed."""


class Refusal(Exception):
    """One call can't be translated exactly.

    Caught where the call is handled and turned into a diagnostic: a refusal never ends a run.
    """

    def __init__(self, code: str, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.advice = advice
