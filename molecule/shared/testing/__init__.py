"""What the tests of all scenarios share; molecule/conftest.py gives the fixtures to them."""

from __future__ import annotations

import pkgutil

import pytest

# pytest shows values of failed asserts in tests and conftest.py; elsewhere only where it is told before the import.
pytest.register_assert_rewrite(*(module.name for module in pkgutil.iter_modules(__path__, f"{__name__}.")))
