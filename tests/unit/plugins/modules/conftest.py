"""A host with a scrubber: its program and its units, each a small shell script that keeps its state in files."""

import getpass
import json

import pytest
from ansible.module_utils.basic import AnsibleModule

# What a verb of the program does is in on/VERB, what one of systemctl does in "on/systemctl VERB". The properties of a
# unit are in units/NAME; one without such a file is unknown to systemd. Who gives no cursor reads all of the journal.
COMMON = """#!/bin/sh
cd "$(dirname "$0")"
put() { sed -i "s/^$2=.*/$2=$3/" "units/$1"; }
"""
PROGRAM = """
echo "pending_images $*" >> calls
. "./on/$1"
"""
SYSTEMCTL = """
[ "$1" = show ] || echo "systemctl $*" >> calls
verb=$1
shift
[ ! -e "on/systemctl $verb" ] || . "./on/systemctl $verb"
[ "$verb" = show ] || exit 0
echo x >> looks
for unit; do
    case $unit in
        -*) ;;
        *) [ -z "$second" ] || echo; second=yes; cat "units/$unit" 2>/dev/null || cat unknown-unit ;;
    esac
done
"""
JOURNALCTL = """
case "$*" in
    *--show-cursor*) echo '-- cursor: s=1' ;;
    *--after-cursor=s=1*) cat journal ;;
    *) cat earlier-journal journal ;;
esac
"""
SCRUBBED = "cp backlog-after backlog"
BACKLOG = {"count": 0, "bytes": 0, "oldest": None, "due": 0, "due_ids": []}


class ScrubberHost:
    def __init__(self, folder, run_module):
        self.folder, self.run_module = folder, run_module
        self.program = str(folder / "pending_images.py")
        (folder / "units").mkdir()
        (folder / "on").mkdir()
        for name, text in (("pending_images.py", PROGRAM), ("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)):
            self.write(name, COMMON + text)
            (folder / name).chmod(0o755)
        for name in ("calls", "looks", "journal"):
            self.write(name, "")
        self.write(
            "earlier-journal", "pending_images: should be scrubbed and is still there, 1 in all: of-an-earlier-run\n"
        )
        self.unit("../unknown-unit", LoadState="not-found", UnitFileState="")
        self.on("show", "cat backlog")
        self.on("systemctl start", SCRUBBED)
        self.waiting()

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def on(self, verb, script):
        self.write(f"on/{verb}", script)

    def waiting(self, after=None, **facts):
        """Say which images wait now, and which do so once the scrubber has run."""
        self.write("backlog", json.dumps({**BACKLOG, **facts}))
        self.write("backlog-after", json.dumps({**BACKLOG, **(after or {})}))

    def unit(self, name, **facts):
        defaults = {"LoadState": "loaded", "ActiveState": "inactive", "SubState": "dead", "UnitFileState": "static"}
        defaults |= {"Type": "oneshot", "NRestarts": 0, "Result": "success", "NeedDaemonReload": "no", "MainPID": 0}
        defaults |= {"ExecMainStatus": 0, "InvocationID": "", "ActiveEnterTimestamp": "", "InactiveExitTimestamp": ""}
        self.write(f"units/{name}", "".join(f"{key}={value}\n" for key, value in {**defaults, **facts}.items()))

    def lines(self, name):
        return (self.folder / name).read_text().splitlines()

    @property
    def calls(self):
        return self.lines("calls")

    def run(self, module, check_mode=False, /, **options):
        return self.run_module(module, check_mode, **{"program": self.program, "user": getpass.getuser(), **options})


@pytest.fixture
def warned(monkeypatch):
    """Collect the warnings of modules: Ansible keeps those of all runs in one process."""
    texts = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: texts.append(text))
    return texts


@pytest.fixture
def scrubber(tmp_path, monkeypatch, run_module):
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return ScrubberHost(tmp_path, run_module)
