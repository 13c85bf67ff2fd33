# SPDX-License-Identifier: Apache-2.0
"""Performs operations through the API, and puts what the server answered into the informers' copies at once."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from controlplane.controllers.operations import Create, Delete, Operation, Patch, Update
from kube.client import Client
from kube.errors import ApiStatusError
from kube.events import NORMAL, WARNING, Happening, Recorder
from kube.informer import Informers
from kube.kinds import Kind

Json = dict[str, Any]

# How many operations of one batch are under way at the same time.
_AT_ONCE: Final = 16


class Executor:
    """The hands of one controller; its Events carry the recorder's component name."""

    def __init__(self, client: Client, informers: Informers, recorder: Recorder) -> None:
        self._client, self._informers, self._recorder = client, informers, recorder

    async def run(self, operations: Iterable[Operation]) -> None:
        """One after the other; the first that fails ends it (ApiStatusError, UnreachableError)."""
        for operation in operations:
            await self.perform(operation)

    async def run_growing(self, operations: Sequence[Operation]) -> None:
        """In batches of 1, 2, 4...: when something is wrong with all of them, few requests find out.

        After a batch with a failure nothing more is tried, and its first failure is raised.
        """
        done, size = 0, 1
        while done < len(operations):
            batch = operations[done : done + size]
            await self.run_together(batch)
            done, size = done + len(batch), size * 2

    async def run_together(self, operations: Sequence[Operation]) -> None:
        """All of them, some at the same time; the first failure is raised when all have ended."""
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(operation: Operation) -> None:
            async with limit:
                await self.perform(operation)

        results = await asyncio.gather(*map(one, operations), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def perform(self, operation: Operation) -> Json | None:
        """One operation; gives the object as the server has it now, None when there is none."""
        match operation:
            case Happening():
                self._recorder.record(operation)
                return None
            case Create():
                return await self._create(operation)
            case Update(kind, obj, subresource):
                return self._observe(kind, await self._client.update(kind, obj, subresource=subresource))
            case Patch():
                return await self._patch(operation)
            case Delete():
                await self._delete(operation)
                return None

    async def _create(self, operation: Create) -> Json:
        try:
            made = await self._client.create(operation.kind, operation.obj)
        except ApiStatusError as error:
            self._tell_failure(operation.told_to, error, "FailedCreate", "Error creating")
            raise
        self._tell(operation.told_to, "SuccessfulCreate", f"Created {_noun(operation.kind)}: {_name(made)}")
        return self._observe(operation.kind, made)

    async def _patch(self, operation: Patch) -> Json | None:
        try:
            changed = await self._client.patch(
                operation.kind,
                operation.name,
                operation.patch,
                namespace=operation.namespace,
                type=operation.type,
                subresource=operation.subresource,
            )
        except ApiStatusError as error:
            if error.is_not_found:
                return None
            raise
        return self._observe(operation.kind, changed)

    async def _delete(self, operation: Delete) -> None:
        metadata = operation.obj["metadata"]
        version = metadata["resourceVersion"] if operation.only_if_unchanged else ""
        try:
            answer = await self._client.delete(
                operation.kind,
                metadata["name"],
                metadata.get("namespace", ""),
                uid=metadata["uid"],
                resource_version=version,
                grace_seconds=operation.grace_seconds,
                propagation=operation.propagation,
            )
        except ApiStatusError as error:
            if error.is_not_found or (error.is_conflict and not version):
                # Gone, or another object has its name: this one is not there any more.
                self._informers.of(operation.kind).observe_removal(operation.obj)
                return
            self._tell_failure(operation.told_to, error, "FailedDelete", "Error deleting")
            raise
        text = f"Deleted {_noun(operation.kind)}: {metadata['name']}"
        self._tell(operation.told_to, "SuccessfulDelete", text)
        if _is_going(answer):
            self._observe(operation.kind, answer)
        elif answer.get("kind") == "Status" and metadata.get("finalizers"):
            # A Status does not say whether finalizers hold the object: the watch will.
            return
        else:
            self._informers.of(operation.kind).observe_removal(operation.obj)

    def _observe(self, kind: Kind, obj: Json) -> Json:
        # Some subresources answer with another kind.
        if obj.get("kind") == kind.kind and (informer := self._informers.known().get(kind)):
            informer.observe(obj)
        return obj

    def _tell(self, about: Json | None, reason: str, message: str) -> None:
        if about is not None:
            self._recorder.record(Happening(about, NORMAL, reason, message))

    def _tell_failure(self, about: Json | None, error: ApiStatusError, reason: str, what: str) -> None:
        # A namespace that goes away refuses everything: not worth an Event, which it would refuse as well.
        if about is not None and not error.namespace_is_terminating:
            self._recorder.record(Happening(about, WARNING, reason, f"{what}: {error}"))


def _is_going(answer: Json) -> bool:
    """Whether a deleted object stays for a while, for its grace or for its finalizers."""
    metadata = answer.get("metadata", {})
    held = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds")
    return bool(metadata.get("deletionTimestamp") and held)


def _noun(kind: Kind) -> str:
    return kind.kind.lower()


def _name(obj: Json) -> str:
    name: str = obj["metadata"]["name"]
    return name
