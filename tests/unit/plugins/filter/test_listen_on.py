from ansible_collections.glanceops.image_service.plugins.filter.listen_on import listen_on


def test_each_port_is_there_once():
    found = listen_on([{"port": 9292}, {"port": 9191}, {"port": 9292, "tls": False}], "192.0.2.1", "v")
    assert found == [{"address": "192.0.2.1", "port": port, "variable": "v"} for port in (9292, 9191)]
