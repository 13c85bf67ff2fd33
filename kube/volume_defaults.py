# SPDX-License-Identifier: Apache-2.0
"""What the API server fills in where a volume says nothing (kubernetes pkg/apis/core/v1/defaults.go)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from lightkube.models import core_v1

from kube.filling import filled
from kube.images import pull_policy

FILE_MODE: Final = 0o644
TOKEN_SECONDS: Final = 3600

_KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "configMap": {"defaultMode": FILE_MODE},
    "secret": {"defaultMode": FILE_MODE},
    "downwardAPI": {"defaultMode": FILE_MODE},
    "projected": {"defaultMode": FILE_MODE},
    "hostPath": {"type": ""},
}


def volume_with_defaults(volume: core_v1.Volume) -> core_v1.Volume:
    """A copy with every default; a volume of no kind is an emptyDir."""
    kinds = [
        name for name in volume.__struct_fields__ if name != "name" and getattr(volume, name) is not None
    ]
    if not kinds:
        return msgspec.structs.replace(volume, emptyDir=core_v1.EmptyDirVolumeSource())
    changes: dict[str, Any] = {
        kind: filled(getattr(volume, kind), values, unset=(None,))
        for kind, values in _KINDS.items()
        if getattr(volume, kind) is not None
    }
    if volume.image:
        changes["image"] = filled(volume.image, {"pullPolicy": pull_policy(volume.image.reference or "")})
    volume = msgspec.structs.replace(volume, **changes)
    return msgspec.structs.replace(
        volume,
        downwardAPI=volume.downwardAPI and _downward(volume.downwardAPI),
        projected=volume.projected and _projected(volume.projected),
    )


def _downward(source: core_v1.DownwardAPIVolumeSource) -> core_v1.DownwardAPIVolumeSource:
    return msgspec.structs.replace(source, items=source.items and [_item(item) for item in source.items])


def _item(item: core_v1.DownwardAPIVolumeFile) -> core_v1.DownwardAPIVolumeFile:
    reference = item.fieldRef and filled(item.fieldRef, {"apiVersion": "v1"})
    return msgspec.structs.replace(item, fieldRef=reference)


def _projected(source: core_v1.ProjectedVolumeSource) -> core_v1.ProjectedVolumeSource:
    sources = source.sources and [_projection(each) for each in source.sources]
    return msgspec.structs.replace(source, sources=sources)


def _projection(source: core_v1.VolumeProjection) -> core_v1.VolumeProjection:
    token, downward = source.serviceAccountToken, source.downwardAPI
    items = downward and downward.items and [_item(item) for item in downward.items]
    return msgspec.structs.replace(
        source,
        serviceAccountToken=token and filled(token, {"expirationSeconds": TOKEN_SECONDS}),
        downwardAPI=downward and msgspec.structs.replace(downward, items=items),
    )
