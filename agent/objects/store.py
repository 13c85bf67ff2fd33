# SPDX-License-Identifier: Apache-2.0
"""A copy of exactly the objects that pods name, which wakes those pods when one of them changes."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from lightkube.models import certificates_v1beta1, core_v1

from agent.objects.follow import Follower, follower
from agent.objects.kinds import TRUST_BUNDLES
from agent.objects.model import (
    CLAIM,
    MODELS,
    TRUST_BUNDLE,
    VOLUME,
    ObjectAbsentError,
    ObjectUnknownError,
    Ref,
)
from kube.client import Client
from kube.informer import Informer, key_of
from kube.kinds import SERVICES
from kube.strict import decode

log = logging.getLogger("orlop.agent")

Json = dict[str, Any]
Wake = Callable[[frozenset[str]], None]
"""Called with the uids of the pods whose objects changed."""
ALL_BUNDLES: Final = Ref(TRUST_BUNDLE, "", "")
NOT_HEARD: Final = "the API server has not been heard yet"


class ObjectStore:
    """The model.Objects of a node with an API server. run() does the reading."""

    def __init__(self, client: Client, *, remembered: Mapping[Ref, Json] | None = None) -> None:
        """remembered: objects of the checkpoint, which count until the API server is heard."""
        self.wake: Wake = lambda _: None
        self.changed: Callable[[], None] = lambda: None
        self._client = client
        self._raw: dict[Ref, Json | None] = dict(remembered or {})
        self._decoded: dict[Ref, msgspec.Struct] = {}
        # What each pod names, and with it what that leads to.
        self._named: dict[str, frozenset[Ref]] = {}
        self._wanted: dict[str, frozenset[Ref]] = {}
        self._followers: dict[Ref, Follower] = {}
        self._tasks: dict[Ref, asyncio.Task[None]] = {}
        self._services = Informer(client, SERVICES, transform=_what_counts)
        self._bundles = Informer(client, TRUST_BUNDLES)

    def follow(self, uid: str, references: frozenset[Ref]) -> None:
        """What the pod of this uid needs from now on."""
        if self._named.get(uid) != references:
            self._named[uid] = references
            self._update(uid)

    def forget(self, uid: str) -> None:
        """The pod needs nothing more."""
        self._named.pop(uid, None)
        self._prune(self._wanted.pop(uid, frozenset()))

    def keep_only(self, uids: Iterable[str]) -> None:
        """Forget all other pods."""
        for uid in self._wanted.keys() - set(uids):
            self.forget(uid)

    def get(self, ref: Ref) -> msgspec.Struct:
        """See model.Objects."""
        if ref not in self._raw:
            follower = self._followers.get(ref)
            raise ObjectUnknownError(ref, (follower and follower.trouble) or NOT_HEARD)
        raw = self._raw[ref]
        if raw is None:
            raise ObjectAbsentError(ref)
        made = self._decoded.get(ref)
        if made is None:
            made = self._decoded[ref] = decode(MODELS[ref.kind], raw).best_effort
        return made

    def services(self, namespace: str) -> Sequence[core_v1.Service]:
        """See model.Objects."""
        found = (raw for raw in self._services.all() if raw["metadata"]["namespace"] == namespace)
        return [decode(core_v1.Service, raw).best_effort for raw in sorted(found, key=key_of)]

    def trust_bundles(self, signer_name: str) -> Sequence[certificates_v1beta1.ClusterTrustBundle]:
        """See model.Objects."""
        if not self._bundles.synced.is_set():
            raise ObjectUnknownError(Ref(TRUST_BUNDLE, "", signer_name), self._bundles.trouble or NOT_HEARD)
        model = certificates_v1beta1.ClusterTrustBundle
        found = (raw for raw in self._bundles.all() if raw["spec"].get("signerName") == signer_name)
        return [decode(model, raw).best_effort for raw in sorted(found, key=key_of)]

    @property
    def services_known(self) -> asyncio.Event:
        """Set once the Services were read: before that, no pod should take its variables from them."""
        return self._services.synced

    def held(self) -> Mapping[Ref, Json]:
        """Every object that a pod needs and that is there, for the checkpoint."""
        return {ref: raw for ref, raw in self._raw.items() if raw is not None and ref in self._tasks}

    async def run(self) -> None:
        """Read until cancelled."""
        try:
            await self._services.run()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _update(self, uid: str) -> None:
        """A claim that is bound leads to its volume."""
        named = self._named[uid]
        volumes = {Ref(VOLUME, "", name) for ref in named if (name := self._volume_of(ref))}
        before, now = self._wanted.get(uid, frozenset()), named | volumes
        self._wanted[uid] = now
        for ref in now:
            self._start(ref)
        self._prune(before - now)

    def _volume_of(self, ref: Ref) -> str:
        claim = (self._raw.get(ref) if ref.kind == CLAIM else None) or {}
        return (claim.get("spec") or {}).get("volumeName") or ""

    def _start(self, ref: Ref) -> None:
        if ref in self._tasks:
            return
        if ref == ALL_BUNDLES:
            reading = self._bundles.run()
        else:
            made = self._followers[ref] = follower(self._client, ref, self._tell)
            reading = made.run()
        self._tasks[ref] = asyncio.create_task(reading, name=f"follow {ref}")

    def _prune(self, candidates: frozenset[Ref]) -> None:
        needed = frozenset[Ref]().union(*self._wanted.values())
        for ref in candidates - needed:
            if task := self._tasks.pop(ref, None):
                task.cancel()
            self._followers.pop(ref, None)
            self._raw.pop(ref, None)
            self._decoded.pop(ref, None)

    def _tell(self, ref: Ref, raw: Json | None) -> None:
        """An object was read: keep it, follow what it leads to, wake who needs it."""
        if ref not in self._tasks or (ref in self._raw and self._raw[ref] == raw):
            return
        self._raw[ref] = raw
        self._decoded.pop(ref, None)
        users = frozenset(uid for uid, references in self._wanted.items() if ref in references)
        if ref.kind == CLAIM:
            for uid in users:
                self._update(uid)
        self.changed()
        self.wake(users)


def _what_counts(service: Json) -> Json:
    """There may be thousands of Services, and their variables say little."""
    spec = service.get("spec") or {}
    metadata = {
        name: service["metadata"].get(name) for name in ("name", "namespace", "uid", "resourceVersion")
    }
    return {
        "metadata": metadata,
        "spec": {name: spec.get(name) for name in ("clusterIP", "ports", "type") if spec.get(name)},
    }
