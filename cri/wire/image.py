# SPDX-License-Identifier: Apache-2.0
"""Images on the wire."""

from collections.abc import Mapping

from cri.model.image import Auth, Image
from cri.v1 import image_pb2


def spec(
    image: str, *, handler: str = "", annotations: Mapping[str, str] | None = None
) -> image_pb2.ImageSpec:
    """What names an image; handler is the runtime handler whose variant of it is meant."""
    return image_pb2.ImageSpec(image=image, runtime_handler=handler, annotations=dict(annotations or {}))


def auth(value: Auth | None) -> image_pb2.AuthConfig | None:
    """Registry credentials."""
    if value is None:
        return None
    return image_pb2.AuthConfig(
        username=value.username,
        password=value.password,
        auth=value.auth,
        server_address=value.server_address,
        identity_token=value.identity_token,
        registry_token=value.registry_token,
    )


def image_from(message: image_pb2.Image, info: Mapping[str, str] | None = None) -> Image:
    """An image on the node."""
    return Image(
        id=message.id,
        tags=tuple(message.repo_tags),
        digests=tuple(message.repo_digests),
        size=message.size,
        uid=message.uid.value if message.HasField("uid") else None,
        username=message.username,
        pinned=message.pinned,
        annotations=dict(message.spec.annotations),
        info=dict(info or {}),
    )
