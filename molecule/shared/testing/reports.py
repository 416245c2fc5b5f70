"""What a failed test shows: the hosts go when the run ends, and of a long log often only the beginning is kept."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess

from testing.playbooks import PRINTED, Run
from testing.scenario import PROJECT


def last_failures() -> str:
    """Return the sentences that the last playbook failed with, or nothing."""
    return Run(1, PRINTED[-1]).failures if PRINTED else ""


def journals() -> list[tuple[str, str]]:
    """Return titles and what the services logged in the last 3 minutes, of each host of the scenario that logged."""
    config = PROJECT / ".lab" / os.environ.get("MOLECULE_SCENARIO_NAME", "none") / "ssh_config"
    found = []
    for name in re.findall(r"^Host (\S+)$", config.read_text(), re.MULTILINE) if config.is_file() else []:
        said = "journalctl --no-pager --output=short-iso --since=-3min --lines=60 --unit='glance-*'"
        ssh = ["ssh", "-F", str(config), "-o", "ConnectTimeout=5", "-o", "BatchMode=yes", name, said]
        with contextlib.suppress(subprocess.TimeoutExpired):
            shown = subprocess.run(ssh, capture_output=True, text=True, timeout=30, check=False)
            found += [(f"journal of {name}", shown.stdout)] if shown.stdout else []
    return found
