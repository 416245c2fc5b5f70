# The one entrance to this repository: `make` lists what it can do.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.SUFFIXES:

PYTHON ?= python3
# Debian release of the throw-away host that `make deploy` makes: bookworm or trixie.
SUITE ?= bookworm
# Inventory of your own hosts, in place of a throw-away host.
INVENTORY ?=
# Further arguments for ansible-playbook, such as ARGS='--check --diff', ARGS='-e glance_scrub_time=3600' or ARGS=--ask-vault-pass.
ARGS ?=
# Release of Glance that hosts are brought to; empty: the one that the inventory names.
RELEASE ?=
# Id of the image that `make restore-image` restores.
IMAGE ?=
# Name of the backup that `make restore` restores.
BACKUP ?=
# How much of `make test` runs at a time: most of it waits for one host, or for one process on this machine.
JOBS ?= $(shell nproc)
# Scenarios of `make test`.
SCENARIOS := default keystone
# Scenarios that take turns after `make test` in CI, each of which takes half an hour at most, and those that take longer.
TURNS := together identity scrubber releases tls legacy cluster mounts jump audit
LONGEST := changes mutations backup upgrade secrets ceph stores imports
# What `make test-all` runs besides.
LONG_SCENARIOS := $(TURNS) $(LONGEST)
# Releases of ansible-core that `make sanity-cores` runs on, one after the other: the newest one of each line.
CORES := 2.19.14 2.20.10 2.21.5
# Sizes that `make benchmark` measures, of 1, 3, 6 and 12; empty: all.
HOSTS ?=

# The collections that galaxy.yml depends on, from the package index: no other server than that one is needed.
COLLECTIONS := ansible==12.3.0
UNPACKED := community/crypto community/mysql community/postgresql
UNPACK := import sys, zipfile; wheel = zipfile.ZipFile(sys.argv[1]); wheel.extractall(".ansible/collections", [name for name in \
  wheel.namelist() if name.startswith(tuple(f"ansible_collections/{each}/" for each in sys.argv[2:]))])

LAB := molecule/shared/lab.sh
SHELL_SCRIPTS := .ci/run $(sort $(wildcard benchmarks/*.sh tests/*.sh molecule/shared/*.sh molecule/shared/lab/*.sh))
LAB_INVENTORY := .lab/deploy/inventory.yml
SINGLE := --inventory=inventories/single --inventory=$(LAB_INVENTORY)
VARIABLES := $(RELEASE:%=--extra-vars=glance_release=%) $(IMAGE:%=--extra-vars=image_id=%) $(BACKUP:%=--extra-vars=glance_backup=%)
PLAY = ansible-playbook $(if $(INVENTORY),--inventory='$(INVENTORY)',$(SINGLE)) $(VARIABLES)
# What only looks at hosts has nothing to show of changes that were not made.
DRY_RUN := $(filter --check -C -CD -DC,$(ARGS))
# Each playbook is a target of its name, with hyphens; site.yml is `make deploy`.
PLAYBOOKS := $(subst _,-,$(filter-out site,$(basename $(notdir $(wildcard playbooks/*.yml)))))

# Looked at before anything is built.
ifneq ($(INVENTORY),)
ifneq ($(shell test -e '$(INVENTORY)' && echo found),found)
$(error INVENTORY should be an inventory file or folder, found nothing at $(INVENTORY): correct the path)
endif
ifneq ($(filter destroy,$(MAKECMDGOALS)),)
$(error make destroy takes the throw-away host away, found INVENTORY=$(INVENTORY): leave it out, or remove the service from your \
  hosts with make teardown INVENTORY=$(INVENTORY))
endif
else ifneq ($(filter $(PLAYBOOKS),$(MAKECMDGOALS)),)
ifeq ($(filter deploy,$(MAKECMDGOALS))$(wildcard $(LAB_INVENTORY)),)
$(error There should be a throw-away host, found none: make it with make deploy, or name your own hosts with INVENTORY=path)
endif
endif

# Every ansible-playbook would compile its modules anew without its .pyc files.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Whatever configuration the caller has, and also where everybody may write to this folder.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_FORCE_COLOR := $(if $(MAKE_TERMOUT),true,false)
export MOLECULE_GLOB := molecule/*/molecule.yml

# Bold where a person looks at it.
say = printf '$(if $(MAKE_TERMOUT),\n\033[1m%s\033[0m\n,\n%s\n)' $(1)

.PHONY: help
help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deploy
ifeq ($(INVENTORY),)
deploy: ## deploy Glance to a throw-away host on this machine, or to your own hosts with INVENTORY=path
	@$(LAB) check
	@$(MAKE) --silent .venv/.complete
	@$(call say,'A Debian host on this machine')
	@$(LAB) install >/dev/null
	@$(LAB) base $(SUITE) >/dev/null
	@$(LAB) up deploy glance1=$(SUITE) >/dev/null
	@$(call say,'The image service on it$(if $(DRY_RUN),: what would change, and a disk image in it)')
	@$(PLAY) playbooks/site.yml $(if $(DRY_RUN),,playbooks/sample_image.yml playbooks/status.yml) $(ARGS)
	@printf '%s\n' "Log in with: ssh -F .lab/deploy/ssh_config glance1" \
	  "The API's user there is admin, its password is in inventories/single/.credentials/admin" "Take it away with: make destroy"
else
deploy: .venv/.complete
	@$(PLAY) playbooks/site.yml $(if $(DRY_RUN),,playbooks/verify.yml playbooks/status.yml) $(ARGS)
endif

.PHONY: destroy
destroy: ## take the throw-away host of make deploy away
	@$(LAB) down deploy >/dev/null

.PHONY: $(PLAYBOOKS)
$(PLAYBOOKS): .venv/.complete
	@$(PLAY) playbooks/$(subst -,_,$@).yml $(ARGS)

audit: ## compare the stores with the database: make audit ARGS='-e glance_audit_repair=true' mends what is safe to mend
backup: ## back up the database and the images, while the service works
certificates: ## make a private authority and a certificate for each host
images: ## bring the images of the list glance_images, and hide older ones
purge: ## delete the records of what was deleted long ago: make purge ARGS='-e glance_purge_age_days=90'
restart: ## restart the services, one host at a time
restore: ## restore a backup, with the service stopped: make restore BACKUP=NAME
restore-image: ## bring a deleted image back: make restore-image IMAGE=ID
rollback: ## bring every host back to the release before its upgrade
rotate-secrets: ## use changed secrets of the inventory, then revoke the old ones
sample-image: ## upload a small disk image and wait until it can be used
scrub: ## remove the data of deleted images that is due
status: ## show hosts, releases, health and images
teardown: ## remove the service; images and their records stay
upgrade: ## bring every host to another release: make upgrade RELEASE=2026.2
verify: ## upload an image where users come in, download it and delete it

.PHONY: test
test: .venv/.complete ## lint, unit and sanity tests, and two scenarios, several at a time
	@echo 'Running lint, unit and sanity tests, and the scenarios $(SCENARIOS); make test-all runs $(LONG_SCENARIOS) too.'
	@# The longest first, so that nothing waits for it; but what is wrong at first sight is told at once.
	@$(MAKE) --no-print-directory --jobs=$(JOBS) --output-sync=target $(firstword $(SCENARIOS:%=molecule-%)) lint molecule unit sanity

.PHONY: test-turn
test-turn: .venv/.complete ## run the longer scenario whose turn it is, by the number of commits
	@if [ "$$(git rev-parse --is-shallow-repository 2>/dev/null)" = false ] && commits=$$(git rev-list --count HEAD 2>/dev/null); then \
	  why="commit $$commits of this history"; else commits=0; why="the first, since no whole history is here"; fi; \
	set -- $(TURNS); shift $$((commits % $$#)); \
	$(call say,"It is the turn of $$1 among $(words $(TURNS)) longer scenarios: $$why"); \
	$(MAKE) --no-print-directory molecule-$$1

.PHONY: test-all
test-all: test $(LONG_SCENARIOS:%=molecule-%) ## run the longer scenarios too

.PHONY: lint
lint: .venv/.complete ## check style and documentation
	@$(call say,'Lint')
	ruff check
	ruff format --check
	yamllint --strict .
	ansible-lint
	shellcheck $(SHELL_SCRIPTS)
	antsibull-docs lint-collection-docs . --plugin-docs --validate-collection-refs=self
	antsibull-changelog lint

.PHONY: unit
unit: .venv/.complete ## run the unit tests
	@$(call say,'Unit tests')
	pytest -o faulthandler_timeout=120 -o faulthandler_exit_on_timeout=true

.PHONY: sanity
sanity: .venv/.complete ## run ansible-test's sanity tests
	@$(call say,'Sanity tests')
	tests/sanity.sh

.PHONY: sanity-cores
sanity-cores: .venv/.complete ## run them on other releases of ansible-core, or one: make sanity-cores CORES=2.21.5
	@python tests/sanity_cores.py $(CORES)

.PHONY: molecule
molecule: $(SCENARIOS:%=molecule-%) ## run the scenarios on real hosts, or one of them: make molecule-default

.PHONY: $(patsubst %,molecule-%,$(SCENARIOS) $(LONG_SCENARIOS))
$(patsubst %,molecule-%,$(SCENARIOS) $(LONG_SCENARIOS)): molecule-%: .venv/.complete
	@$(call say,'Scenario $*')
	@$(LAB) install >/dev/null
	molecule test --scenario-name $*

.PHONY: benchmark
benchmark: .venv/.complete ## measure deployments on throw-away hosts: make benchmark HOSTS='3 12', or 1, 3, 6 and 12
	@python benchmarks/deploy.py $(HOSTS)

.PHONY: benchmark-modules
benchmark-modules: .venv/.complete ## measure what image_status takes, with up to 100,000 images
	@python benchmarks/image_status.py

.PHONY: benchmark-slow
benchmark-slow: .venv/.complete ## measure lists and health checks beside slow transfers and wrong passwords, on the host of make deploy
	@python benchmarks/slow_users.py

.PHONY: benchmark-stores
benchmark-stores: .venv/.complete ## measure transfers by store, on the hosts of molecule converge --scenario-name stores
	@python benchmarks/stores.py

.PHONY: lock
lock: .venv/.complete ## pin the tools of pyproject.toml anew in requirements-dev.txt
	uv pip compile --quiet --python-version 3.11 --group dev --no-header --output-file requirements-dev.txt

.PHONY: tools
tools: .venv/.complete ## build the tools of this checkout in .venv

.PHONY: build
build: .venv/.complete ## build the collection's archive
	ansible-galaxy collection build --force

.PHONY: clean
clean: ## take every lab away, and remove caches and the tool environment
	@$(LAB) clean
	rm -rf .ansible .venv

# Everything that the other targets call, pinned, in a folder of this checkout.
.venv/.complete: requirements-dev.txt
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  [ '$(PYTHON)' = python3 ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
	    echo "The tools need Python 3.11 or newer with its venv module, found none at $(PYTHON): install python3 and python3-venv, or name another with PYTHON=path." >&2; exit 1; }; \
	  echo "Installing python3 and python3-venv ..."; \
	  { apt-get update && apt-get install --yes --no-install-recommends python3 python3-venv; } >/dev/null || { \
	    echo "apt-get should install python3 and python3-venv, found the words above: look at this machine's network." >&2; exit 1; }; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "The tools need Python 3.11 or newer, found $$($(PYTHON) --version): name another with PYTHON=path." >&2; exit 1; }
	@$(call say,'Building the tool environment in .venv (about half a minute)')
	@rm -rf .venv && $(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --quiet --disable-pip-version-check --requirement requirements-dev.txt || { \
	  echo "pip should fetch the tools, found the words above: look at this machine's network and at pip's configuration." >&2; exit 1; }
	@mkdir -p .ansible/collections/ansible_collections/glanceops
	@ln -sfn ../../../.. .ansible/collections/ansible_collections/glanceops/image_service
	@.venv/bin/pip download --quiet --disable-pip-version-check --no-deps --dest .ansible/download $(COLLECTIONS) || { \
	  echo "pip should fetch $(COLLECTIONS), found the words above: look at this machine's network and at pip's configuration." >&2; exit 1; }
	@.venv/bin/python -c '$(UNPACK)' .ansible/download/*.whl $(UNPACKED) && rm -r .ansible/download
	@touch $@
