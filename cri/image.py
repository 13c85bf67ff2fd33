# SPDX-License-Identifier: Apache-2.0
"""Calls about images. An image is named by reference ("docker.io/local/busybox:1") or by id."""

from collections.abc import Mapping
from contextlib import suppress

from cri import methods
from cri.calls import Caller
from cri.errors import NotFound
from cri.model.image import Auth, Image
from cri.model.sandbox import SandboxConfig
from cri.model.usage import ImageFsInfo
from cri.v1 import image_calls_pb2 as pb
from cri.wire import image as wire
from cri.wire import sandbox as sandbox_wire
from cri.wire import usage as usage_wire


class Images(Caller):
    """Images. `handler` is the runtime handler whose variant of the image is meant, "" the default one."""

    async def pull_image(
        self,
        image: str,
        *,
        auth: Auth | None = None,
        sandbox: SandboxConfig | None = None,
        handler: str = "",
        annotations: Mapping[str, str] | None = None,
        about: str = "",
    ) -> str:
        """Fetch an image from its registry; return the id to create containers with.

        sandbox is the pod that it is for. The runtime goes on with a pull that was given up here.
        """
        request = pb.PullImageRequest(
            image=wire.spec(image, handler=handler, annotations=annotations),
            auth=wire.auth(auth),
            sandbox_config=None if sandbox is None else sandbox_wire.config(sandbox),
        )
        return (await self._call(methods.PULL_IMAGE, request, _about(image, about))).image_ref

    async def image_status(
        self, image: str, *, verbose: bool = False, handler: str = "", about: str = ""
    ) -> Image | None:
        """The image, or None when the node does not have it."""
        request = pb.ImageStatusRequest(image=wire.spec(image, handler=handler), verbose=verbose)
        answer = await self._call(methods.IMAGE_STATUS, request, _about(image, about))
        return wire.image_from(answer.image, answer.info) if answer.HasField("image") else None

    async def list_images(self, *, about: str = "") -> tuple[Image, ...]:
        """Every image on the node."""
        answer = await self._call(methods.LIST_IMAGES, pb.ListImagesRequest(), about)
        return tuple(wire.image_from(each) for each in answer.images)

    async def remove_image(self, image: str, *, handler: str = "", about: str = "") -> None:
        """Remove an image under all its names. Succeeds on what is gone."""
        request = pb.RemoveImageRequest(image=wire.spec(image, handler=handler))
        with suppress(NotFound):
            await self._call(methods.REMOVE_IMAGE, request, _about(image, about))

    async def image_fs_info(self, *, about: str = "") -> ImageFsInfo:
        """How full the image store is."""
        return usage_wire.image_fs_from(
            await self._call(methods.IMAGE_FS_INFO, pb.ImageFsInfoRequest(), about)
        )


def _about(image: str, about: str) -> str:
    """An error names the image, and whom it is for."""
    return f"image {image} for {about}" if about else f"image {image}"
