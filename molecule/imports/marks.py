"""A check of imports: refuses an image that holds a mark, and does what the name of the image asks for."""

import json
import os
import pathlib
import socket
import sys
import time

mark, path = sys.argv[1:]
facts = json.load(sys.stdin)


def readable(name):
    try:
        return bool(pathlib.Path(name).read_bytes())
    except OSError:
        return False


name = facts["name"] or ""
if name.startswith("slow"):
    time.sleep(int(name.split()[1]))
elif name == "broken":
    sys.exit(3)
elif name == "hungry":
    sys.stdout.write("x" * (4 << 30))
elif name == "curious":
    try:
        socket.create_connection(("192.0.2.1", 80), 2)
        reached = "a network"
    except OSError:
        reached = ""
    secrets = [each for each in ("/etc/glance/glance-api.conf", "/etc/shadow") if readable(each)]
    others = [each.name for each in pathlib.Path("/proc").iterdir() if readable(each / "environ")]
    mine = {str(os.getpid()), str(os.getppid()), "self", "thread-self"}
    images = pathlib.Path("/var/lib/glance/images")
    found = [*secrets, *(set(others) - mine), *(images.iterdir() if images.exists() else ()), reached]
    found += ["the staged data"] if os.access(path, os.W_OK) else []
    print(f"It could reach: {', '.join(map(str, filter(None, found))) or 'nothing'}.")
    sys.exit(1)
with open(path, "rb") as data:
    if mark.encode() in data.read():
        print(f"The image holds the mark {mark}, which this cloud does not take.")
        sys.exit(1)
