import pytest
from ansible_collections.glanceops.image_service.plugins.filter import store_options as s

SECRETS = {"plain": "plain", "a$b": "a$$b", "$$": "$$$$", " a": " a", "a#b;c=%d": "a#b;c=%d", "": ""}


@pytest.mark.parametrize(("secret", "written"), SECRETS.items())
@pytest.mark.parametrize(
    "option", ["s3_store_secret_key", "s3_store_access_key", "swift_store_key", "swift_store_user"]
)
def test_a_secret_is_written_so_that_glance_reads_it_as_it_is(option, secret, written):
    found = s.FilterModule().filters()["store_options"]({"s": {"driver": "x", "options": {option: secret}}})
    assert found == {"s": {option: written}}


def test_other_options_stay_as_they_are():
    options = {
        "s3_store_host": "$host",
        "weight": 1,
        "s3_store_bucket": None,
    }
    assert s.store_options({"s": {"driver": "s3", "options": options}, "t": {"driver": "http"}}) == {
        "s": options,
        "t": {},
    }


@pytest.mark.parametrize("given", [{}, {"filesystem_store_datadir": "/c"}])
def test_a_store_with_several_directories_has_no_other_one_by_default(given):
    options = {"filesystem_store_datadirs": ["/a", "/b"], **given}
    found = s.store_options({"s": {"driver": "file", "options": options}})
    assert found == {"s": {"filesystem_store_datadir": "", **options}}
