"""What a newcomer meets in a checkout: commands of the docs, make targets, and what git and the archive leave out."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest
import yaml
from ansible_collections.glanceops.image_service.plugins.plugin_utils import specs
from ansible_collections.glanceops.image_service.plugins.plugin_utils.judgement import judge

PROJECT = pathlib.Path(__file__).parents[2]
DOCS = [PROJECT / "README.md", *sorted(PROJECT.glob("docs/*.md")), *sorted(PROJECT.glob("roles/*/README.md"))]
PLAYBOOKS = {path.stem for path in PROJECT.glob("playbooks/*.yml")}
# What else is called so: groups, a backend of HAProxy, a module of Python, variables of throw-away hosts.
NO_VARIABLES = {
    *("glance_api", "glance_registry", "glance_scrubber", "glance_database", "glance_identity", "glance_loadbalancer"),
    *("glance_retired", "glance_api_health", "glance_guards", "glance_store", "glance_lab_name", "glance_lab_suite"),
}
# As commands stand in the docs: after a prompt, or as code.
COMMAND = r"(?:^[#$] |`)"


def run(*command, cwd=PROJECT, **variables):
    """Run a command as a shell with the tools in its path would, outside of the make that runs these tests."""
    environment = {name: value for name, value in os.environ.items() if not re.match(r"MAKE|MFLAGS|ANSIBLE_", name)}
    return subprocess.run(
        command, cwd=cwd, env={**environment, **variables}, capture_output=True, text=True, check=False
    )


def named(pattern):
    """Give (document, name) for each match of *pattern* in the docs."""
    return {(path.name, name) for path in DOCS for name in re.findall(pattern, path.read_text(), re.MULTILINE)}


@pytest.fixture(scope="module")
def targets():
    """Return the names of all targets."""
    return set(re.findall(r"^([a-z][a-z-]*):", run("make", "--print-data-base", "--question").stdout, re.MULTILINE))


@pytest.fixture(scope="module")
def listed():
    """Return the names that `make` lists."""
    return set(re.findall(r"^make (\S+)  *\S", run("make").stdout, re.MULTILINE))


@pytest.fixture
def inventory(tmp_path):
    """Return the path of an inventory, with a blank in it."""
    path = tmp_path / "my hosts.yml"
    path.touch()
    return path


def test_make_targets_of_the_docs_exist(targets):
    found = named(COMMAND + r"make ([a-z][a-z-]*)")
    assert len(found) > 10
    assert {(document, name) for document, name in found if name not in targets} == set()


def test_playbooks_of_the_docs_exist():
    found = named(r"\bplaybooks/(\w+)\.yml") | named(r"ansible-playbook [^\n]*glanceops\.image_service\.(\w+)")
    assert len(found) > 5
    assert {(document, name) for document, name in found if name not in PLAYBOOKS} == set()


def anchors(document):
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_of_the_docs_lead_somewhere():
    lost, seen = [], 0
    for document in DOCS:
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", document.read_text()):
            path, _mark, anchor = link.partition("#")
            target, seen = (document.parent / path if path else document), seen + 1
            if not target.exists() or (anchor and anchor not in anchors(target)):
                lost.append((document.name, link))
    assert seen > 100
    assert lost == []


def test_every_page_is_linked_from_the_readme():
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)", (PROJECT / "README.md").read_text()))
    assert linked == {str(path.relative_to(PROJECT)) for path in PROJECT.glob("docs/*.md")}


def test_variables_of_the_docs_exist():
    specs = [yaml.safe_load(path.read_text()) for path in PROJECT.glob("roles/*/meta/argument_specs.yml")]
    known = {name for spec in specs for entry in spec["argument_specs"].values() for name in entry.get("options") or {}}
    assert len(known) > 100
    found = named(r"(?<![\w./])(glance_[a-z0-9_]*[a-z0-9])(?!\w|\.py|_?\*)")
    assert {(document, name) for document, name in found if name not in known | NO_VARIABLES} == set()


@pytest.mark.parametrize("command", sorted({words for _document, words in named(r"(ansible-doc [^`]*)`")}))
def test_commands_of_the_docs_show_what_there_is(command):
    shown = run(*command.replace("NAME", "image_import").split())
    assert shown.returncode == 0, shown.stderr
    # Of what it does not find, it shows nothing and succeeds.
    assert "glanceops.image_service" in shown.stdout
    assert len(shown.stdout.splitlines()) > 5


def test_examples_of_make_and_the_docs_are_taken():
    options = specs.operator_options(
        yaml.safe_load(path.read_text()) for path in specs.ROLES.glob("*/meta/argument_specs.yml")
    )
    texts = [path.read_text() for path in (PROJECT / "Makefile", *DOCS)]
    given = [pair.partition("=") for text in texts for pair in re.findall(r"ARGS='[^']*-e (\S+=[^\s']+)", text)]
    assert len(given) > 5
    assert [judge({name: value}, options) for name, _equals, value in given] == [[]] * len(given)


def test_every_playbook_is_in_the_readme_and_a_listed_target(listed):
    rows = set(re.findall(r"^\| `(\w+)\.yml` \|", (PROJECT / "README.md").read_text(), re.MULTILINE))
    assert rows == PLAYBOOKS
    assert {name.replace("_", "-") for name in PLAYBOOKS - {"site"}} <= listed


@pytest.mark.parametrize("playbook", sorted(PLAYBOOKS))
def test_every_target_takes_an_inventory_and_arguments(inventory, playbook):
    target = "deploy" if playbook == "site" else playbook.replace("_", "-")
    shown = run("make", "--dry-run", target, f"INVENTORY={inventory}", "ARGS=--ask-vault-pass").stdout
    (command,) = re.findall(r"^ansible-playbook .*", shown, re.MULTILINE)
    assert command.startswith(f"ansible-playbook --inventory='{inventory}' ")
    assert re.search(rf" playbooks/{playbook}\.yml( .*)? --ask-vault-pass$", command)
    assert ".lab" not in command


def test_dry_run_looks_at_no_service_that_it_did_not_change(inventory):
    for arguments in ("--check --diff", "-e glance_api_port=9393 -C"):
        shown = run("make", "--dry-run", "deploy", f"INVENTORY={inventory}", f"ARGS={arguments}").stdout
        assert "playbooks/site.yml" in shown
        assert "playbooks/status.yml" not in shown


@pytest.mark.parametrize("target", ["deploy", "status", "destroy", "teardown"])
def test_inventory_that_is_not_there_ends_make_before_anything_else(target):
    ended = run("make", "--dry-run", target, "INVENTORY=inventories/typo")
    assert ended.returncode
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert "found nothing at inventories/typo" in ended.stderr


def test_destroy_refuses_hosts_of_your_own(inventory):
    ended = run("make", "--dry-run", "destroy", f"INVENTORY={inventory}")
    assert ended.returncode
    assert ended.stdout == ""
    assert "make teardown INVENTORY=" in ended.stderr


def test_files_beside_an_inventory_are_none(tmp_path):
    (tmp_path / "hosts.yml").write_text("all: {hosts: {api1: {}}}\n")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/ceph.conf").write_text("[global]\nfsid = x\n")
    (tmp_path / "files/ceph.client.glance.keyring").write_text("[client.glance]\n\tkey = hidden==\n")
    done = run("ansible-inventory", "--inventory", str(tmp_path), "--list", ANSIBLE_CONFIG=str(PROJECT / "ansible.cfg"))
    assert (done.returncode, done.stderr) == (0, "")
    assert list(json.loads(done.stdout)["_meta"]["hostvars"]) == []
    assert json.loads(done.stdout)["ungrouped"]["hosts"] == ["api1"]


@pytest.mark.parametrize("options", [["-i", "inventories/typo"], ["-i", "inventories/single", "-i", "typo"]])
def test_playbook_does_not_end_well_without_its_inventory(options):
    ended = run("ansible-playbook", *options, "playbooks/backup.yml", "--list-hosts")
    assert ended.returncode
    assert "inventory" in ended.stderr


@pytest.fixture
def history(tmp_path):
    """Make a repository with so many commits; gives its folder."""

    def history(commits):
        as_nobody = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com")
        folder = tmp_path / f"{commits} commits"
        run("git", "init", "--quiet", str(folder))
        for _commit in range(commits):
            run("git", *as_nobody, "commit", "--quiet", "--allow-empty", "--message=x", cwd=folder)
        return folder

    return history


def turn(git_folder):
    """Return the scenario whose turn it is with a history, and what is said of it."""
    shown = run("make", "--dry-run", "test-turn", GIT_DIR=str(git_folder))
    assert shown.returncode == 0, shown.stderr
    (scenario,) = re.findall(r"^molecule test --scenario-name (\S+)$", shown.stdout, re.MULTILINE)
    (said,) = re.findall(r"^It is the turn of .*$", shown.stdout, re.MULTILINE)
    assert f"It is the turn of {scenario} among " in said
    return scenario, said


def test_longer_scenarios_take_turns_by_the_number_of_commits(history):
    turns = re.search(r"^TURNS := (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert len(turns) > 5
    for commits in (1, 2, len(turns) + 2):
        scenario, said = turn(history(commits) / ".git")
        assert scenario == turns[commits % len(turns)]
        assert said.endswith(f": commit {commits} of this history")


def test_the_first_scenario_has_its_turn_where_there_is_no_whole_history(history, tmp_path):
    whole, shallow = history(3), tmp_path / "shallow"
    run("git", "clone", "--quiet", "--depth=1", f"file://{whole}", str(shallow))
    empty = history(0)
    found = [turn(folder) for folder in (shallow / ".git", empty / ".git", tmp_path / "nowhere")]
    assert len(set(found)) == 1
    assert found[0][0] == turn(history(10) / ".git")[0]
    assert found[0][1].endswith(": the first, since no whole history is here")


def test_every_scenario_is_run_by_a_target_and_in_the_readme():
    lists = dict(re.findall(r"^(SCENARIOS|TURNS|LONGEST) := (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    all_of_them = sorted(name for names in lists.values() for name in names.split())
    assert all_of_them == sorted(path.parent.name for path in PROJECT.glob("molecule/*/molecule.yml"))
    rows = dict(re.findall(r"^\| scenario `(\w+)`,? ?([^|]*) \|", (PROJECT / "README.md").read_text(), re.MULTILINE))
    said = {"SCENARIOS": "", "TURNS": "in turn", "LONGEST": "by `make test-all` only"}
    assert rows == {name: said[which] for which, names in lists.items() for name in names.split()}


# Names that differ from the examples in each of their letters.
NAMES = ["mine", "jingle", "sangle", "sitgle", "sinkle", "singae", "singly", "clusted", "single2", "clusters", "s"]
PRIVATE = [
    *(f"inventories/{name}/hosts.yml" for name in NAMES),
    "inventories/hosts",
    "inventories/single/.credentials/admin",
    "inventories/mine/.credentials/tls/ca.key",
]
# git takes these, as it takes any file that is put into an example.
SECRET = ["inventories/cluster/group_vars/all/vault.yml", "inventories/single/host_vars/glance1.yml"]


@pytest.fixture
def checkout(tmp_path):
    """Return a copy of this checkout as git has it, with private files put in."""
    tree = tmp_path / "checkout"
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout.split("\0")
    for name in (*filter(None, listed), *PRIVATE, *SECRET):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        if (PROJECT / name).is_file() and name not in PRIVATE:
            shutil.copy(PROJECT / name, tree / name)
        else:
            (tree / name).write_text("hidden")
    return tree


def imported(playbook):
    """Return the plays of a playbook of scenarios, with those of the playbooks that it imports."""
    for play in yaml.safe_load(playbook.read_text()):
        named = play.get("ansible.builtin.import_playbook")
        if not named:
            yield play
        # The others are the product's, which is for any hosts.
        elif (other := (playbook.parent / named).resolve()).is_relative_to(PROJECT / "molecule"):
            yield from imported(other)


def names_in(tree):
    """Return the names of all groups and hosts of an inventory."""
    found = set()
    for name, group in tree.items():
        found |= {name, *((group or {}).get("hosts") or {})} | names_in((group or {}).get("children") or {})
    return found


@pytest.mark.parametrize("prepare", sorted(PROJECT.glob("molecule/*/prepare.yml")), ids=lambda path: path.parent.name)
def test_what_prepares_a_scenario_finds_its_hosts(prepare):
    scenario = (prepare.parent / "molecule.yml").read_text()
    named = {
        PROJECT / path for path in re.findall(r"inventory=\$\{MOLECULE_PROJECT_DIRECTORY\}/(molecule/\S+)", scenario)
    }
    files = [file for path in named for file in ([path] if path.is_file() else path.glob("*.yml"))]
    inventories = [yaml.safe_load(file.read_text()) for file in files]
    known = {"localhost", *(name for inventory in inventories for name in names_in(inventory))}
    for play in imported(prepare):
        # Of several groups, one may be another scenario's.
        assert known.intersection(re.split(r"[:!&,]+", play["hosts"])), play["name"]


def test_lint_checks_every_shell_script():
    listed = filter(None, run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout.split("\0"))
    files = {name: PROJECT / name for name in listed if (PROJECT / name).is_file()}
    scripts = {
        name
        for name, path in files.items()
        if path.suffix in (".sh", ".bash") or re.match(rb"#!.*\b(ba|da|k)?sh\b", path.read_bytes()[:100])
    }
    (command,) = re.findall(r"^shellcheck (.*)$", run("make", "--dry-run", "lint").stdout, re.MULTILINE)
    assert set(command.split()) == scripts


def test_archive_has_the_example_inventories_and_no_other(checkout, tmp_path):
    built = run("ansible-galaxy", "collection", "build", "--output-path", str(tmp_path), cwd=checkout)
    assert built.returncode == 0, built.stderr
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {member.name for member in archive.getmembers() if member.isfile()}
    assert {name for name in names if name.startswith("inventories/")} == {
        "inventories/single/hosts.yml",
        "inventories/cluster/hosts.yml",
        "inventories/cluster/group_vars/all/image_service.yml",
    }
    assert {"README.md", "playbooks/site.yml", "roles/common/vars/main/database.yml"} <= names
    assert names.isdisjoint({"ansible.cfg", ".shellcheckrc"})


def test_git_takes_no_inventory_but_the_examples(checkout):
    run("git", "init", "--quiet", cwd=checkout)
    run("git", "add", "--all", cwd=checkout)
    taken = set(run("git", "ls-files", cwd=checkout).stdout.splitlines())
    assert {"inventories/single/hosts.yml", "inventories/cluster/hosts.yml"} <= taken
    assert taken.isdisjoint(PRIVATE)
