# SPDX-License-Identifier: Apache-2.0
"""What has to be there before anybody can ask for anything: the namespaces that clients take for granted."""

import logging
from typing import Any, Final

from controlplane.engine import Engine
from controlplane.errors import ApiError
from controlplane.request import Attributes, User
from controlplane.verbs.call import Call
from controlplane.verbs.create import create

Json = dict[str, Any]

_LOG: Final = logging.getLogger(__name__)

NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
SERVER: Final = User("system:apiserver", groups=("system:masters", "system:authenticated"))
_CONFLICT: Final = 409


async def create_namespaces(engine: Engine) -> None:
    """Create the namespaces that are not there. Raises ApiError 503 when the store does not answer."""
    for name in NAMESPACES:
        await ensure(engine, "", "namespaces", {"metadata": {"name": name}})


async def ensure(engine: Engine, group: str, plural: str, obj: Json, namespace: str = "") -> None:
    """Create an object as the server itself, past admission by others' rules, unless it is there."""
    resource = engine.registry.preferred(group, plural)
    if resource is None:
        raise LookupError(f"cannot create the first {plural}: the kind is not registered")
    obj = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
    asked = Attributes(SERVER, "create", "", group, resource.version, plural, "", namespace, "")
    try:
        await create(engine, Call(resource, asked, namespace, user_agent="orlop-apiserver"), obj)
    except ApiError as error:
        if error.code != _CONFLICT:
            raise
    else:
        _LOG.info("created %s %s", plural, obj["metadata"]["name"])
