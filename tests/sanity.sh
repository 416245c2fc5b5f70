#!/usr/bin/env bash
# Run ansible-test's sanity tests over the collection as it would be published; arguments go to ansible-test.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# ansible-test wants a real folder ansible_collections/NAMESPACE/NAME, no link: a copy of what git would commit.
tree=$PWD/.ansible/sanity/ansible_collections/glanceops/image_service
rm -rf "$tree"
mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
  xargs -0 cp --parents --target-directory="$tree"
cd "$tree"
git init --quiet
git add --all

pip=$(python - "$python" <<'PYTHON'
import sys
import types

from ansible_test._internal.python_requirements import get_venv_packages

print(get_venv_packages(types.SimpleNamespace(version=sys.argv[1]))["pip"])
PYTHON
)
wheels=${tree%/ansible_collections/*}/wheels
python -m pip download --quiet --disable-pip-version-check --no-deps --dest "$wheels" "pip==$pip"
mkdir -p ~/.ansible/test/cache
sed "s|@wheel@|$wheels/pip-$pip-py3-none-any.whl|" tests/get_pip.py >~/.ansible/test/cache/get_pip_"${pip//./_}".py

exec ansible-test sanity --color no --python "$python" "$@"
