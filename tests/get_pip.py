"""Give an empty virtual environment its pip, from a wheel that was fetched before.

ansible-test fetches such a script from a host of its project's; this one takes its place in ansible-test's cache, so
that only the package index is needed. The interpreter's own pip would not do: an old one does not know the machine's
certificate authorities, and ansible-test hands down no variable that would tell it.
"""

from __future__ import annotations

import os
import sys

# Filled in by sanity.sh: each release of ansible-test wants its own pip, and the folder has them all.
WHEEL = "@wheel@"


def main() -> int:
    """Install what the arguments ask for, with the pip of the wheel."""
    wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
    sys.path.insert(0, WHEEL)
    from pip._internal.cli.main import main as pip

    return pip(["install", "--upgrade", "--find-links", os.path.dirname(WHEEL), *wanted])


if __name__ == "__main__":
    sys.exit(main())
