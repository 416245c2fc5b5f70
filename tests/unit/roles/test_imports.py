"""Task files that others import, by the paths that Ansible looks for them at."""

import re
from pathlib import Path

ROLES = Path(__file__).parents[3] / "roles"
IMPORT = re.compile(r"ansible\.builtin\.(?:import|include)_tasks: ([\w-]+\.yml)$", re.MULTILINE)


def test_what_a_file_in_a_folder_imports_is_there_alone():
    """Ansible takes one of the same name in tasks/ first, where the file is itself imported (playbook/helpers.py)."""
    imported = [(path, name) for path in ROLES.glob("*/tasks/*/*.yml") for name in IMPORT.findall(path.read_text())]
    assert any(name == "logins.yml" for _path, name in imported)
    assert [(str(path), name) for path, name in imported if not (path.parent / name).is_file()] == []
    assert [(str(path), name) for path, name in imported if (path.parents[1] / name).exists()] == []
