# SPDX-License-Identifier: Apache-2.0
"""What ConfigMaps and Secrets hold, as bytes by key."""

import base64
import binascii
from collections.abc import Mapping

from lightkube.models import core_v1

from agent.objects.model import ObjectError, Objects, Ref


def config_map(objects: Objects, namespace: str, name: str) -> core_v1.ConfigMap:
    """The ConfigMap of this name. Raises ObjectError."""
    ref = Ref("ConfigMap", namespace, name)
    found = objects.get(ref)
    if not isinstance(found, core_v1.ConfigMap):
        raise ObjectError(ref, f"{ref} is a {type(found).__name__}")
    return found


def secret(objects: Objects, namespace: str, name: str) -> core_v1.Secret:
    """The Secret of this name. Raises ObjectError."""
    ref = Ref("Secret", namespace, name)
    found = objects.get(ref)
    if not isinstance(found, core_v1.Secret):
        raise ObjectError(ref, f"{ref} is a {type(found).__name__}")
    return found


def config_map_files(objects: Objects, namespace: str, name: str) -> Mapping[str, bytes]:
    """data and binaryData together. Raises ObjectError, also for binaryData that is no base64."""
    found = config_map(objects, namespace, name)
    texts = {key: text.encode(errors="surrogateescape") for key, text in (found.data or {}).items()}
    return texts | _decoded(Ref("ConfigMap", namespace, name), found.binaryData)


def secret_files(objects: Objects, namespace: str, name: str) -> Mapping[str, bytes]:
    """The Secret's data. Raises ObjectError, also for data that is no base64."""
    return _decoded(Ref("Secret", namespace, name), secret(objects, namespace, name).data)


def _decoded(ref: Ref, values: Mapping[str, str] | None) -> dict[str, bytes]:
    decoded = {}
    for key, text in (values or {}).items():
        try:
            decoded[key] = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ObjectError(ref, f"cannot read key {key} of {ref}: it is not base64: {error}") from error
    return decoded
