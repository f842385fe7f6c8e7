"""Where rules are: convmap's own, and those of users and of installed packages."""

from __future__ import annotations

import functools
import glob
import os
import sys
from pathlib import Path

from convmap.errors import RuleError

VARIABLE = "CONVMAP_RULES"  # folders, separated as in PATH; --rules adds to it
GROUP = "convmap.rules"  # entry points whose value is a package: its folder holds rules


def rules_folder() -> Path:
    """Find convmap's rules: inside the installed package, or at the top of a source checkout."""
    package = Path(__file__).parent
    for folder in (package / "_rules", package.parent / "rules"):
        if (folder / "ops").is_dir():
            return folder
    raise RuleError(f"no rules found beside {package}")


def evidence_folder() -> Path:
    """Find the recorded runs: inside the installed package, or at the top of a source checkout."""
    package = Path(__file__).parent
    inside = package / "_evidence"
    return inside if inside.is_dir() else package.parent / "evidence"


def own_folders() -> tuple[Path, ...]:
    """Give the folders of rules beside convmap's own; raise RuleError where one is no folder."""
    named = [Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]
    for folder in named:
        if not folder.is_dir():
            raise RuleError(f"{folder}: no folder of rules; it holds ops/ and a folder for each framework")
    return (*_installed(), *(folder.resolve() for folder in named))


@functools.cache
def _installed() -> tuple[Path, ...]:
    """Find the folders of entry points, without importing their packages."""
    if not _declared():
        return ()
    from importlib import metadata

    found = []
    for point in metadata.entry_points(group=GROUP):
        if point.dist is not None:
            folder = Path(str(point.dist.locate_file(point.module.replace(".", "/"))))
            if not folder.is_dir():
                raise RuleError(
                    f"{point.dist.name}: its entry point {point.name!r} names no folder: {folder}"
                )
            found.append(folder)
    return tuple(found)


def _declared() -> bool:
    """Tell whether an installed package may have such entry points.

    ``importlib.metadata`` would say so exactly; its import alone takes a tenth of a short run.
    """
    for place in sys.path:
        if os.path.isfile(place):
            return True  # an archive: let importlib look into it
        for file in glob.iglob(os.path.join(glob.escape(place or "."), "*-info", "entry_points.txt")):
            if GROUP.encode() in Path(file).read_bytes():
                return True
    return False


def add(folders: list[str]) -> None:
    """Use more folders from here on, in this process and in those it starts."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = os.pathsep.join([*([before] if before else []), *folders])
