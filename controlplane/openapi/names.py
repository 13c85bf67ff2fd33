# SPDX-License-Identifier: Apache-2.0
"""What definitions are called: io.k8s.api.core.v1.Pod, as in the documents of every Kubernetes API server.

Clients find types by their kinds, but people and generators of clients know these names.
"""

import importlib
from typing import Final

import msgspec

_MACHINERY: Final = "io.k8s.apimachinery.pkg"
# Modules of lightkube.models whose types do not come from the repository k8s.io/api.
_PACKAGES: Final = {
    "meta_v1": f"{_MACHINERY}.apis.meta.v1",
    "version": f"{_MACHINERY}.version",
    "apiextensions_v1": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    "apiregistration_v1": "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
}

QUANTITY: Final = f"{_MACHINERY}.api.resource.Quantity"
INT_OR_STRING: Final = f"{_MACHINERY}.util.intstr.IntOrString"
TIME: Final = f"{_MACHINERY}.apis.meta.v1.Time"
MICRO_TIME: Final = f"{_MACHINERY}.apis.meta.v1.MicroTime"
FIELDS_V1: Final = f"{_MACHINERY}.apis.meta.v1.FieldsV1"
RAW_EXTENSION: Final = f"{_MACHINERY}.runtime.RawExtension"
PATCH: Final = f"{_MACHINERY}.apis.meta.v1.Patch"


def definition_name(model: type[msgspec.Struct]) -> str:
    """The name of the definition of a model of lightkube.models."""
    module = model.__module__.rpartition(".")[2]
    package = _PACKAGES.get(module) or f"io.k8s.api.{module.replace('_', '.')}"
    return f"{package}.{model.__name__}"


def model_of(group: str, version: str, kind: str) -> type[msgspec.Struct] | None:
    """lightkube's model of a kind that is not registered itself (Scale, Binding, a list); None without one."""
    module = f"lightkube.models.{group.partition('.')[0] or 'core'}_{version}"
    try:
        found = getattr(importlib.import_module(module), kind, None)
    except ModuleNotFoundError:
        return None
    return found if isinstance(found, type) and issubclass(found, msgspec.Struct) else None
