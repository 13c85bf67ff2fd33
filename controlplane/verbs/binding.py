# SPDX-License-Identifier: Apache-2.0
"""The subresource binding of pods: a scheduler says on which node a pod runs, once."""

from dataclasses import replace
from typing import Any

from lightkube.models import core_v1

from controlplane.admission.chain import mutate, validated
from controlplane.engine import Engine
from controlplane.errors import Cause, bad_request, conflict, invalid, not_found
from controlplane.registry.resource import Resource
from controlplane.request import Operation
from controlplane.store.errors import ConflictError
from controlplane.verbs.call import Call
from controlplane.verbs.errors import precondition, store_refusals
from controlplane.verbs.intake import take_in
from controlplane.verbs.metadata import timestamp
from controlplane.verbs.modify import RETRIES
from controlplane.verbs.stored import Stored, encode
from controlplane.verbs.subresources import Special

Json = dict[str, Any]

_BINDING = Resource("", "v1", "Binding", "bindings", core_v1.Binding)
DONE: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


async def bind(engine: Engine, call: Call, body: Any) -> Json:
    """POST pods/NAME/binding. Raises ApiError 404, 409 when the pod has a node, 422."""
    binding = take_in(replace(call, resource=_BINDING), body)
    _check(call, binding)
    for _ in range(RETRIES):
        with store_refusals():
            record = await engine.store.get(call.key)
        if record is None:
            raise not_found("", "pods", call.name)
        old = Stored.of(call.resource, record).in_storage_version()
        admission = call.admission(Operation.CREATE, binding, old)
        await mutate(engine.plugins, admission)
        async with validated(engine.plugins, admission):
            value = encode(_bound(engine, call, old, binding))
            if call.options.dry_run:
                return DONE
            try:
                with store_refusals():
                    await engine.store.update(record.key, value, expected=record.mod_revision)
            except ConflictError:
                continue
            return DONE
    raise conflict("", "pods/binding", call.name, "the pod changes all the time; try again")


def _check(call: Call, binding: Json) -> None:
    target = binding.get("target") or {}
    if binding["metadata"].get("name", call.name) != call.name:
        raise bad_request(f"the name of the Binding has to be {call.name}, as in the URL")
    if target.get("kind", "Node") not in ("", "Node"):
        cause = Cause("FieldValueNotSupported", 'Unsupported value: supported values: "Node"', "target.kind")
        raise invalid("", "Binding", call.name, (cause,))
    if not target.get("name"):
        raise invalid(
            "", "Binding", call.name, (Cause("FieldValueRequired", "Required value", "target.name"),)
        )


def _bound(engine: Engine, call: Call, pod: Json, binding: Json) -> Json:
    """The pod with its node and the condition PodScheduled. Raises ApiError 409."""
    metadata, wanted, node = pod["metadata"], binding["metadata"], binding["target"]["name"]
    if wanted.get("uid") and wanted["uid"] != metadata["uid"]:
        raise precondition(call.resource, call.name, "UID", wanted["uid"], metadata["uid"])
    if metadata.get("deletionTimestamp"):
        raise conflict(
            "", "pods/binding", call.name, f"pod {call.name} is being deleted, cannot be assigned to a host"
        )
    spec = pod.setdefault("spec", {})
    if spec.get("nodeName"):
        why = f'pod {call.name} is already assigned to node "{spec["nodeName"]}"'
        raise conflict("", "pods/binding", call.name, why)
    if spec.get("schedulingGates"):
        raise conflict("", "pods/binding", call.name, f"pod {call.name} has non-empty .spec.schedulingGates")
    spec["nodeName"] = node
    if wanted.get("annotations"):
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **wanted["annotations"]}
    _set_scheduled(pod, timestamp(engine.now()))
    return pod


def _set_scheduled(pod: Json, now: str) -> None:
    status = pod.setdefault("status", {})
    others = [item for item in status.get("conditions") or [] if item.get("type") != "PodScheduled"]
    condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    status["conditions"] = [*others, condition]


BINDING = Special(create=bind)
