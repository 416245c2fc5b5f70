"""What the tests of the scrubber share: two deployments, each with its records and stores, worked on all at once."""

from __future__ import annotations

import configparser
import contextlib
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import testinfra
from testing.content import disk

DATA = "/var/lib/glance"
CONFIG = "/etc/glance/glance-scrubber.conf"
UNITS = [f"glance-scrubber{suffix}" for suffix in (".service", ".timer", "-check.service", "-check.timer")]
# What is kept of an image, with the column that holds its id.
TABLES = {
    "images": "id",
    "image_locations": "image_id",
    "image_properties": "image_id",
    "image_tags": "image_id",
    "image_members": "image_id",
}
# Runs as the service user, with the connection that the scrubber has.
SQL = f"""
import configparser, json, sys
import sqlalchemy

config = configparser.RawConfigParser(strict=False)
config.read({CONFIG!r})
answers = []
with sqlalchemy.create_engine(config["database"]["connection"]).begin() as connection:
    for statement, parameters in json.loads(sys.argv[1]):
        found = connection.execute(sqlalchemy.text(statement), parameters)
        answers.append([dict(row) for row in found.mappings()] if found.returns_rows else found.rowcount)
print(json.dumps(answers, default=str))
"""
EARLIER = {
    "mariadb1": "deleted_at - INTERVAL :seconds SECOND",
    "postgresql1": "deleted_at - make_interval(secs => :seconds)",
}
BUSY_IMAGE = """
INSERT INTO images (id, name, size, status, created_at, updated_at, deleted_at, deleted, min_disk, min_ram, protected)
VALUES (:image, 'busy', 1, 'pending_delete', '2038-01-01', '2020-01-01', '2020-01-01', true, 0, 0, false)
"""
BUSY_LOCATION = """
INSERT INTO image_locations (image_id, value, meta_data, status, created_at, updated_at, deleted_at, deleted)
SELECT id, 'file:///var/lib/glance/fast/none', '{"store": "fast"}', status, created_at, updated_at, deleted_at, deleted
FROM images WHERE id = :image
"""
COPY_LOCATION = """
INSERT INTO image_locations (image_id, value, meta_data, status, created_at, updated_at, deleted)
SELECT image_id, :value, :meta_data, status, created_at, updated_at, deleted
FROM image_locations WHERE image_id = :image
"""


@dataclass(frozen=True)
class Image:
    id: str
    sha256: str = ""
    size: int = 0


@dataclass(frozen=True)
class Deployment:
    """A host with its API, its records and its stores."""

    name: str
    host: Any
    api: Any
    mode: str

    # ------------------------------------------------------------------------------------------------------- images

    def upload(self, *stores: str, size: int = 100_000, **properties: Any) -> Image:
        """Make an image of random data in *stores*."""
        data = disk(size)
        image = Image(self.api.create(**properties), hashlib.sha256(data).hexdigest(), size)
        answer = self.api.upload(image.id, [data], store=stores[0])
        assert answer.status == 204, answer
        for store in stores[1:]:
            self._copy(image, stores[0], store)
        return image

    def upload_many(self, number: int, *stores: str) -> list[Image]:
        return [self.upload(*stores) for _number in range(number)]

    def _copy(self, image: Image, source: str, store: str) -> None:
        """Put an image into another store, too: without Keystone, Glance refuses to import."""
        self.host.check_output(f"cp --preserve {DATA}/{source}/{image.id} {DATA}/{store}/{image.id}")
        location = {"value": f"file://{DATA}/{store}/{image.id}", "meta_data": json.dumps({"store": store})}
        assert self.sql(COPY_LOCATION, image=image.id, **location) == 1

    def delete(self, *images: Image, ago: float = 0) -> None:
        """Delete images, and let it be *ago* seconds."""
        for image in images:
            answer = self.api.request("DELETE", f"/v2/images/{image.id}")
            assert answer.status == 204, answer
        if ago:
            self.age(*images, seconds=ago)

    def age(self, *images: Image, seconds: float) -> None:
        """Let all that was deleted of *images* be deleted *seconds* earlier."""
        for_all = [{"image": image.id, "seconds": seconds} for image in images]
        earlier = EARLIER[self.name]
        self.sql_all(
            (f"UPDATE {table} SET deleted_at = {earlier} WHERE {key} = :image", for_all)
            for table, key in TABLES.items()
        )

    def look(self, *images: Image) -> set[tuple[int, str, str]]:
        """Return what the API answers, the status in the database, and the stores that have all bytes."""
        wanted = [("SELECT status FROM images WHERE id = :image", {"image": image.id}) for image in images]
        statuses = [rows[0]["status"] for rows in self.sql_all(wanted)]
        answers = [self.api.request("GET", f"/v2/images/{image.id}").status for image in images]
        return set(zip(answers, statuses, self.stores_of(*images)))

    def stores_of(self, *images: Image) -> list[str]:
        """Return the stores that have all bytes of each image on their disks; there must be nothing else."""
        found = self.host.check_output(f"cd {DATA} && find fast slow -type f -exec sha256sum {{}} +").splitlines()
        sums = dict(reversed(line.split()) for line in found)
        stores = []
        for image in images:
            held = {store: sums[f"{store}/{image.id}"] for store in ("fast", "slow") if f"{store}/{image.id}" in sums}
            assert set(held.values()) <= {image.sha256}
            stores.append(",".join(held))
        return stores

    def remove_data(self, image: Image, store: str) -> None:
        self.host.check_output("rm %s", f"{DATA}/{store}/{image.id}")

    def keep_busy(self, number: int) -> None:
        """Give the scrubber a number of images without data to work on before all that are there."""
        ids = [{"image": str(uuid.uuid4())} for _number in range(number)]
        self.sql_all([(BUSY_IMAGE, ids), (BUSY_LOCATION, ids)])

    def busy_statuses(self) -> set[str]:
        """Return the statuses of these images."""
        return {row["status"] for row in self.sql("SELECT DISTINCT status FROM images WHERE name = 'busy'")}

    # ------------------------------------------------------------------------------------------------------ records

    def sql_all(self, statements: Any) -> list[Any]:
        """Return what each of the (statement, parameters) found, as mappings, or how many rows it changed."""
        command = "runuser -u glance -- /opt/glance/current/bin/python -W ignore -c %s %s"
        return json.loads(self.host.check_output(command, SQL, json.dumps(list(statements))))

    def sql(self, statement: str, **parameters: Any) -> Any:
        return self.sql_all([(statement, parameters)])[0]

    def rows(self, image: Image) -> dict[str, list[dict[str, Any]]]:
        """Return all records of an image by table."""
        found = self.sql_all(
            (f"SELECT * FROM {table} WHERE {key} = :image ORDER BY id", {"image": image.id})
            for table, key in TABLES.items()
        )
        return dict(zip(TABLES, found))

    # ---------------------------------------------------------------------------------------------------- the units

    @property
    def judge(self) -> str:
        """Unit that fails when images are left behind."""
        return "glance-scrubber.service" if self.mode == "timer" else "glance-scrubber-check.service"

    def exit_code(self) -> int:
        """Let that unit run to its end, and return the exit code."""
        return self.host.run("systemctl start %s", self.judge).rc

    def show(self, name: str, unit: str = "glance-scrubber.service") -> str:
        return self.host.check_output("systemctl show --value --property=%s %s", name, unit)

    def units(self) -> dict[str, tuple[str, str]]:
        """Return (state of the unit file, state) of the units that are there."""
        command = "systemctl show --property=Id,LoadState,UnitFileState,ActiveState %s %s %s %s"
        shown = self.host.check_output(command, *UNITS).split("\n\n")
        units = [dict(line.split("=", 1) for line in unit.splitlines()) for unit in shown]
        there = [unit for unit in units if unit["LoadState"] != "not-found"]
        return {unit["Id"]: (unit["UnitFileState"], unit["ActiveState"]) for unit in there}

    def journal(self, unit: str) -> list[str]:
        """Return what our program wrote for a unit."""
        lines = self.host.check_output("journalctl --quiet --output=cat --unit=%s", unit).splitlines()
        return [line for line in lines if line.startswith("pending_images: ")]

    # ----------------------------------------------------------------------------------------------------- the host

    def config(self) -> configparser.RawConfigParser:
        config = configparser.RawConfigParser(strict=False)
        config.read_string(self.host.file(CONFIG).content_string)
        return config

    @contextlib.contextmanager
    def read_only(self, store: str) -> Iterator[None]:
        """Have a store that can read and can't delete."""
        folder = f"{DATA}/{store}"
        owner, mode = self.host.check_output("stat --format=%s %s", "%U:%G %a", folder).split()
        self.host.check_output("chown root:root %s && chmod 0555 %s", folder, folder)
        try:
            yield
        finally:
            self.host.check_output("chown %s %s && chmod %s %s", owner, folder, mode, folder)

    def empty(self) -> None:
        """Forget all images, whatever their state."""
        self.sql_all((f"DELETE FROM {table}", {}) for table in reversed(TABLES))
        self.host.check_output(f"find {DATA}/fast {DATA}/slow -type f -delete")
        self.host.check_output("systemctl reset-failed %s", "glance-scrubber*")


class Each(dict[str, Any]):
    """What was found for each deployment, by name."""

    @property
    def common(self) -> Any:
        """What is the same for all; all of it if it is not."""
        first = next(iter(self.values()))
        return first if all(value == first for value in self.values()) else self


@dataclass(frozen=True)
class Every:
    """All deployments at once. Of an argument that is an `Each`, every one is given its own.

    ``every.upload("fast")`` calls the method of each deployment, ``every(function, ...)`` a function with each first.
    """

    deployments: Sequence[Deployment]

    def __call__(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Each:
        def call(it: Deployment) -> Any:
            own = [given[it.name] if isinstance(given, Each) else given for given in arguments]
            own_named = {name: given[it.name] if isinstance(given, Each) else given for name, given in named.items()}
            return function(it, *own, **own_named)

        with ThreadPoolExecutor() as pool:
            return Each(zip(self.names, pool.map(call, self.deployments)))

    def __getattr__(self, method: str) -> Callable[..., Each]:
        def call(*arguments: Any, **named: Any) -> Each:
            return self(getattr(Deployment, method), *arguments, **named)

        return call

    @property
    def names(self) -> list[str]:
        return [it.name for it in self.deployments]

    @property
    def mode(self) -> Each:
        return self(lambda it: it.mode)


@pytest.fixture(scope="session")
def every(open_api: Callable[[str], Any]) -> Every:
    found = []
    for host in testinfra.get_hosts(["ansible://glance_scrubber"]):
        variables = host.ansible.get_variables()
        name, mode = variables["inventory_hostname"], variables.get("glance_scrubber_mode", "timer")
        found.append(Deployment(name, host, open_api(name), mode))
    assert {it.name for it in found} == set(EARLIER)
    return Every(found)


@pytest.fixture(autouse=True)
def _without_images(every: Every) -> None:
    """Begin every test without an image, in whatever state the one before has left some."""
    every.empty()


@pytest.fixture
def until(every: Every, wait_until: Callable[..., Any]) -> Callable[..., None]:
    """Wait until something holds everywhere: ``until(function, ...)`` calls the function with each deployment first."""

    def wait(holds: Callable[..., Any], *arguments: Any) -> None:
        every(lambda it, *own: wait_until(lambda: holds(it, *own), 60, every=0.3), *arguments)

    return wait


@pytest.fixture(scope="module")
def site(playbook: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Run site.yml for the scrubber; it is set back after the module, unless a test did it."""
    changed = []

    def run(variables: Mapping[str, Any] | None = None) -> Any:
        done = playbook("site.yml", variables, "--tags", "glance_scrubber")
        if variables and (not done.recap or done.changed):
            changed.append(variables)
        elif not variables and done.rc == 0:
            changed.clear()
        return done

    yield run
    if changed:
        assert run().rc == 0


@pytest.fixture(scope="session")
def restore(every: Every, playbook: Callable[..., Any]) -> Callable[[Each], Each]:
    """Restore an image of each deployment, in a run of its own each."""

    def run(it: Deployment, image: Image) -> Any:
        return playbook("restore_image.yml", {"image_id": image.id}, "--limit", f"{it.name},localhost")

    return lambda images: every(run, images)
