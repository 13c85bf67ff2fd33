# SPDX-License-Identifier: Apache-2.0
"""The documents of an OCI image (image-spec 1.0: configuration, manifest, index) as canonical JSON; pure."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from lab.image.model import Blob, ImageSpec

INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE: Final = "application/vnd.oci.image.layer.v1.tar"

# containerd takes the image's name from the first, the tools around the OCI layout from the second.
NAME_ANNOTATION: Final = "io.containerd.image.name"
REF_ANNOTATION: Final = "org.opencontainers.image.ref.name"

# Images are as old as the epoch: their bytes say what is in them, not when or where they were made.
EPOCH: Final = "1970-01-01T00:00:00Z"

LAYOUT: Final = b'{"imageLayoutVersion":"1.0.0"}'


def config(spec: ImageSpec, layer: Blob) -> bytes:
    """The image's configuration; the layer is not compressed, so its digest is also its diff id."""
    settings: dict[str, Any] = {
        "Entrypoint": list(spec.entrypoint),
        "Cmd": list(spec.cmd),
        "Env": [f"{name}={value}" for name, value in sorted(spec.env.items())],
        "User": spec.user,
        "WorkingDir": spec.working_dir,
        "Labels": dict(spec.labels),
        "StopSignal": spec.stop_signal,
    }
    return canonical(
        {
            "created": EPOCH,
            "architecture": spec.architecture,
            "os": "linux",
            "config": {name: value for name, value in settings.items() if value},
            "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
            "history": [{"created": EPOCH, "created_by": "orlop image build"}],
        }
    )


def manifest(config: Blob, layer: Blob) -> bytes:
    """What ties a configuration to its layer; its digest is the image's."""
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": descriptor(config),
            "layers": [descriptor(layer)],
        }
    )


def index(spec: ImageSpec, manifest: Blob) -> bytes:
    """index.json: the archive's only image and its name."""
    annotations = {NAME_ANNOTATION: spec.reference, REF_ANNOTATION: spec.reference.rpartition(":")[2]}
    platform = {"architecture": spec.architecture, "os": "linux"}
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [{**descriptor(manifest), "platform": platform, "annotations": annotations}],
        }
    )


def blob(media_type: str, content: bytes) -> Blob:
    """The address of some bytes."""
    return Blob(media_type, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))


def descriptor(blob: Blob) -> dict[str, Any]:
    """A blob as OCI documents refer to it."""
    return {"mediaType": blob.media_type, "digest": blob.digest, "size": blob.size}


def canonical(document: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys and no spaces: the same bytes for the same document."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
