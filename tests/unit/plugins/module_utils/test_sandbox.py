import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import sandbox

UNIT = """\
# Managed by Ansible.
[Unit]
After=network-online.target
[Service]
User = glance
Environment=A=1
Environment=B=2
ReadWritePaths=/var/lib/glance
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
NoExecPaths=/
ExecPaths=/usr /opt/glance
X-Site=of ours
MemoryHigh=75%
Type=notify
ExecStart=/bin/true
ExecStartPost=/bin/false
Restart=on-failure
RestartSec=2
TimeoutStopSec=9
RuntimeDirectory=glance-api
KillMode=mixed
StandardOutput=null
[Install]
WantedBy=multi-user.target
"""


def test_what_the_service_may_do_holds_and_how_it_starts_and_ends_does_not():
    assert list(sandbox.properties(UNIT, "glance-api")) == [
        "User=glance",
        "Environment=A=1",
        "Environment=B=2",
        "ReadWritePaths=/var/lib/glance",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged",
        "NoExecPaths=/",
        "ExecPaths=/usr /opt/glance",
        "MemoryHigh=75%",
    ]


def test_drop_ins_of_the_host_hold_too(tmp_path):
    def write(place, name, text):
        folder = tmp_path / place / "glance-api.service.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    write("run", "90-last.conf", "[Service]\nMemoryHigh=1G\nProtectHome=yes\n")
    write("etc", "10-first.conf", "[Service]\nMemoryHigh=2G")
    write("etc", "README", "[Service]\nMemoryHigh=3G\n")
    write("run", "50-gone.conf", "[Service]\nMemoryHigh=4G\n")
    write("etc", "50-gone.conf", "")
    text = sandbox.with_drop_ins(UNIT, "glance-api", [str(tmp_path / place) for place in ("lib", "run", "etc")])
    own = len(list(sandbox.properties(UNIT, "glance-api")))
    assert list(sandbox.properties(text, "glance-api"))[own:] == ["MemoryHigh=2G", "MemoryHigh=1G", "ProtectHome=yes"]


def test_the_program_has_its_own_directory_and_environment_and_an_end():
    command = sandbox.command(["/bin/check", "x"], UNIT, "glance-api", "n", "/staged/tmp", {"LANG": "C"}, 120)
    assert command[-2:] == ["/bin/check", "x"]
    own = ["--unit=n", "--property=ReadWritePaths=/staged/tmp", "--property=RuntimeMaxSec=120", "--setenv=LANG=C"]
    assert [each for each in own if each not in command] == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"HTTPS_PROXY=http://u:a%%40b@proxy"', '"HTTPS_PROXY=http://u:a%40b@proxy"'),
        ("%S/glance %t/%p", "/var/lib/glance /run/glance-api"),
        ("%n %N", "glance-api.service glance-api"),
        ("%%t", "%t"),
        ("75%", "75%"),
        ("%? %i", "%? %i"),
        ('A=b\\n "c d"', 'A=b\\n "c d"'),
    ],
)
def test_a_value_is_what_systemd_reads_in_a_unit(written, read):
    assert sandbox.expanded(written, "glance-api") == read


def test_units_are_read_line_by_line_as_systemd_does():
    unit = (
        "  [Service]\n  # MemoryHigh=1G\n  ; x=y\n  MemoryHigh=2G\n\tExecStart=/bin/true \\\n  --of=it\n"
        'Environment="A=1" \\\n# in between\n  "B=2" \\\n  C=3\nNice=5 \\\n'
    )
    assert list(sandbox.properties(unit, "glance-api")) == ["MemoryHigh=2G", 'Environment="A=1"  "B=2"  C=3', "Nice=5"]


def test_drop_ins_that_are_no_files_are_passed_over(tmp_path):
    folder = tmp_path / "glance-api.service.d"
    (folder / "10-folder.conf").mkdir(parents=True)
    (folder / "20-gone.conf").symlink_to(tmp_path / "nowhere")
    (folder / "30-there.conf").write_text("[Service]\nNice=5\n")
    assert sandbox.with_drop_ins("[Unit]", "glance-api", [str(tmp_path)]) == "[Unit]\n[Service]\nNice=5\n"
