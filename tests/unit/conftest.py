"""What unit tests share: run a module for real in this process, and a Glance on loopback that can misbehave."""

import contextlib
import importlib
import json
import os

import pytest
from ansible.module_utils.testing import patch_module_args
from fake_glance import FakeGlance

# make names one: what tests see must not depend on how they are started.
os.environ.pop("ANSIBLE_CONFIG", None)


@pytest.fixture
def run_module(capsys, tmp_path):
    """Call main() of a module of this collection with options, and return the JSON it prints."""

    def run(name, check_mode=False, /, **options):
        module = importlib.import_module(f"ansible_collections.glanceops.image_service.plugins.modules.{name}")
        internal = {"_ansible_check_mode": check_mode, "_ansible_remote_tmp": str(tmp_path)}
        capsys.readouterr()
        with patch_module_args({**options, **internal}), pytest.raises(SystemExit) as ended:
            module.main()
        result = json.loads(capsys.readouterr().out)
        assert bool(ended.value.code) == bool(result.get("failed"))
        return result

    return run


@pytest.fixture
def new_glance():
    """Start a FakeGlance with each call."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(contextlib.closing(FakeGlance()))


@pytest.fixture
def glance(new_glance):
    return new_glance()
