"""Give an empty virtual environment its pip, from the interpreter's own copy and the configured index.

ansible-test fetches such a script from a host of its project's; this one takes its place in ansible-test's cache, so
that only the package index is needed.
"""

from __future__ import annotations

import ensurepip
import subprocess
import sys

ensurepip.bootstrap()
wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--upgrade", *wanted]))
