import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import scan

ON = {"glance_import_scan": "clamav", "glance_import_scan_update": True, "glance_import_scan_max_age_days": 7}
ALONE = {
    **ON,
    "glance_import_scan_update": False,
    "glance_import_scan_max_age_days": 0,
    "glance_import_scan_signatures": ["own.ndb"],
}
ELSEWHERE = {**ON, "glance_import_scan_server": "clamav.example.net:3310", "glance_import_scan_server_tls": True}
CLEAR = {**ELSEWHERE, "glance_import_scan_server_tls": False}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, []),
        (ON, []),
        (ALONE, []),
        # What is not used is not judged, but for its form.
        ({"glance_import_scan": "none", "glance_import_scan_update": False}, []),
        ({**ALONE, "glance_import_scan_max_age_days": "0", "glance_import_scan_update": "no"}, []),
        ({**ON, "glance_import_scan_signatures": ["a/own.ndb", "~/b/own.hsb", "own-2.yara"]}, []),
        ({**ON, "glance_import_scan_mirror": "https://clamav.example.com/db"}, []),
        ({**ALONE, "glance_import_scan_signatures": []}, ["glance_import_scan_signatures should have some without"]),
        ({**ALONE, "glance_import_scan_max_age_days": 7}, ["glance_import_scan_max_age_days should be 0 without"]),
        (
            {**ALONE, "glance_import_scan_mirror": "https://clamav.example.com"},
            ["glance_import_scan_mirror should be empty without glance_import_scan_update"],
        ),
        ({**ON, "glance_import_scan_mirror": "clamav.example.com"}, ["should be a URL such as"]),
        ({**ON, "glance_import_scan_mirror": "https://u:word@clamav.example.com"}, ["found https://********@clamav"]),
        ({**ON, "glance_import_scan_signatures": ["a/own.ndb", "b/own.ndb"]}, ["found own.ndb twice: rename one"]),
        ({**ON, "glance_import_scan_signatures": ["own.cvd"]}, ["that ends with one of cdb"]),
        ({**ON, "glance_import_scan_signatures": ["own.txt"]}, ["found own.txt: rename it"]),
        # ClamAV takes these for what programs may want or not, and is not asked for them.
        ({**ON, "glance_import_scan_signatures": ["own.ndu"]}, ["found own.ndu: rename it"]),
        ({**ON, "glance_import_scan_signatures": ["own file.ndb"]}, ["should have a name of letters"]),
        ({**ON, "glance_import_scan_signatures": ["daily.ndb"]}, ["no name of ClamAV's own, found daily.ndb"]),
        (
            {**ON, "glance_import_checks": [{"name": "malware-scan", "argv": ["/opt/a"]}]},
            ["should not have the name malware-scan, which is glance_import_scan's"],
        ),
        ({"glance_import_checks": [{"name": "malware-scan", "argv": ["/opt/a"]}]}, []),
        (ELSEWHERE, []),
        # Whether the server is updated is its own matter.
        ({**ELSEWHERE, "glance_import_scan_update": False}, []),
        ({**CLEAR, "glance_import_scan_server": "192.0.2.7:3310"}, []),
        ({**CLEAR, "glance_import_scan_server": "[2001:db8::7]:3310"}, []),
        ({**ELSEWHERE, "glance_import_scan_server": "192.0.2.7:3310"}, ["should be the name in its certificate, with"]),
        ({**ELSEWHERE, "glance_import_scan_server": "[2001:db8::7]:3310"}, ["found the address [2001:db8::7]:3310"]),
        ({**CLEAR, "glance_import_scan_server": "clamav.example.net"}, ["should be a name and a port, such as"]),
        ({**CLEAR, "glance_import_scan_server": "clamav.example.net:0"}, ["should be a name and a port, such as"]),
        ({**CLEAR, "glance_import_scan_server": "2001:db8::7:3310"}, ["should be a name and a port, such as"]),
        ({**CLEAR, "glance_import_scan_server": "a b:3310"}, ["should be a name and a port, such as"]),
        (
            {**ELSEWHERE, "glance_import_scan_signatures": ["own.ndb"]},
            ["glance_import_scan_signatures should be empty with"],
        ),
        (
            {**ELSEWHERE, "glance_import_scan_mirror": "https://clamav.example.com"},
            ["glance_import_scan_mirror should be empty with glance_import_scan_server"],
        ),
    ],
)
def test_scan(given, found):
    sentences = [sentence for each in scan.faults(given).values() for sentence in each]
    assert len(sentences) == len(found), sentences
    assert all(part in sentence for part, sentence in zip(found, sentences)), sentences
    assert "word" not in "".join(sentences)
