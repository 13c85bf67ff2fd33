# SPDX-License-Identifier: Apache-2.0
"""A cluster in memory that plugins read and write, and admission requests in one line."""

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

from controlplane.admission import chain
from controlplane.errors import ApiError, conflict, not_found
from controlplane.request import Admission, Attributes, Operation, Plugin, User

Json = dict[str, Any]
VERBS = {Operation.CREATE: "create", Operation.UPDATE: "update", Operation.DELETE: "delete"}


class FakeCluster:
    """Reader and Writer over a dict; every call lets other tasks run first, as a real store does."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str, str, str], Json] = {}
        self._revisions = itertools.count(1)

    def put(self, group: str, plural: str, obj: Json) -> "FakeCluster":
        """Write past every rule."""
        obj = deepcopy(obj)
        obj["metadata"]["resourceVersion"] = str(next(self._revisions))
        self._objects[self._key(group, plural, obj)] = obj
        return self

    def remove(self, group: str, plural: str, namespace: str, name: str) -> None:
        """Take it away."""
        del self._objects[group, plural, namespace, name]

    async def get(self, group: str, plural: str, namespace: str, name: str) -> Json | None:
        await asyncio.sleep(0)
        return deepcopy(self._objects.get((group, plural, namespace, name)))

    async def list(self, group: str, plural: str, namespace: str = "") -> list[Json]:
        await asyncio.sleep(0)
        return [
            deepcopy(obj)
            for (its_group, its_plural, its_namespace, _), obj in sorted(self._objects.items())
            if (its_group, its_plural) == (group, plural) and namespace in ("", its_namespace)
        ]

    async def update_status(self, group: str, plural: str, obj: Json) -> Json:
        await asyncio.sleep(0)
        key = self._key(group, plural, obj)
        current = self._objects.get(key)
        if current is None:
            raise not_found(group, plural, key[3])
        if current["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise conflict(group, plural, key[3], "it was changed")
        self.put(group, plural, {**current, "status": obj["status"]})
        await asyncio.sleep(0)
        return deepcopy(self._objects[key])

    @staticmethod
    def _key(group: str, plural: str, obj: Json) -> tuple[str, str, str, str]:
        metadata = obj["metadata"]
        return group, plural, metadata.get("namespace", ""), metadata["name"]


def named(name: str, namespace: str = "", **rest: Any) -> Json:
    """An object with this name and these fields besides metadata."""
    metadata: Json = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"metadata": metadata | rest.pop("metadata", {}), **rest}


def container(name: str = "app", **fields: Any) -> Json:
    """A container with an image."""
    return {"name": name, "image": "local/app:1", **fields}


def pod(name: str = "web", namespace: str = "shop", metadata: Json | None = None, **spec: Any) -> Json:
    """A pod with one container, unless containers are given."""
    return named(
        name, namespace, kind="Pod", metadata=metadata or {}, spec={"containers": [container()], **spec}
    )


def request(
    obj: Json | None,
    resource: str = "pods",
    *,
    group: str = "",
    old: Json | None = None,
    operation: Operation | None = None,
    subresource: str = "",
    user: str = "ada",
    dry_run: bool = False,
) -> Admission:
    """A create of obj, an update when there is an old one, or the operation named."""
    operation = operation or (Operation.UPDATE if old else Operation.CREATE)
    metadata = (obj or old or {"metadata": {}})["metadata"]
    attributes = Attributes(
        User(user),
        VERBS.get(operation, "create"),
        "/",
        group,
        "v1",
        resource,
        subresource,
        metadata.get("namespace", ""),
        metadata.get("name", ""),
    )
    kind = (obj or old or {}).get("kind", "")
    return Admission(attributes, operation, kind, obj, old, dry_run)


def _plugins(plugins: Plugin | Sequence[Plugin]) -> Sequence[Plugin]:
    return plugins if isinstance(plugins, Sequence) else (plugins,)


async def admit(plugins: Plugin | Sequence[Plugin], admission: Admission) -> Admission:
    """All mutations, then all validations; what was reserved stays."""
    await chain.mutate(_plugins(plugins), admission)
    async with chain.validated(_plugins(plugins), admission):
        return admission


def admitted(plugins: Plugin | Sequence[Plugin], admission: Admission) -> Admission:
    """The same from a test that is not async."""
    return asyncio.run(admit(plugins, admission))


def refusal(plugins: Plugin | Sequence[Plugin], admission: Admission) -> str:
    """The message of the refusal; "" when it is admitted."""
    error = refused(plugins, admission)
    return error.message if error else ""


def refused(plugins: Plugin | Sequence[Plugin], admission: Admission) -> ApiError | None:
    """The refusal; None when it is admitted."""
    try:
        admitted(plugins, admission)
    except ApiError as error:
        return error
    return None


def cluster(*objects: tuple[str, str, Json]) -> FakeCluster:
    """A cluster with these (group, plural, object)."""
    made = FakeCluster()
    for group, plural, obj in objects:
        made.put(group, plural, obj)
    return made


def core(plural: str, objects: Iterable[Json]) -> FakeCluster:
    """A cluster with these objects of the core group."""
    return cluster(*(("", plural, obj) for obj in objects))
