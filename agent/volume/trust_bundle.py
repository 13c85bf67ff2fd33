# SPDX-License-Identifier: Apache-2.0
"""Certificates of ClusterTrustBundles, one of a name or all of a signer, as one PEM file."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec
from lightkube.models import certificates_v1beta1, core_v1, meta_v1

from agent.objects.model import TRUST_BUNDLE, ObjectAbsentError, ObjectError, Objects, Ref
from kube.selector import from_object

_BLOCK: Final = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?\n-----END CERTIFICATE-----", re.DOTALL)


def trust_anchors(objects: Objects, source: core_v1.ClusterTrustBundleProjection) -> bytes:
    """The certificates, each once, without what stands between them; sorted, so that nothing changes by chance.

    Without a match an optional source is empty, any other raises ObjectError.
    """
    texts = _by_name(objects, source) if source.name else _by_signer(objects, source)
    blocks = {block for text in texts for block in _BLOCK.findall(text.replace("\r\n", "\n"))}
    if not blocks and not source.optional:
        ref = Ref(TRUST_BUNDLE, "", source.name or source.signerName or "")
        raise ObjectError(ref, f"no trust anchors found: {_asked(source)}")
    return "".join(f"{block}\n" for block in sorted(blocks)).encode()


def _by_name(objects: Objects, source: core_v1.ClusterTrustBundleProjection) -> list[str]:
    ref = Ref(TRUST_BUNDLE, "", source.name or "")
    try:
        found = objects.get(ref)
    except ObjectAbsentError:
        if source.optional:
            return []
        raise
    if not isinstance(found, certificates_v1beta1.ClusterTrustBundle):
        raise ObjectError(ref, f"{ref} is a {type(found).__name__}")
    return _texts([found])


def _by_signer(objects: Objects, source: core_v1.ClusterTrustBundleProjection) -> list[str]:
    selector = from_object(_plain(source.labelSelector))
    return _texts(
        bundle
        for bundle in objects.trust_bundles(source.signerName or "")
        if selector.matches(bundle.metadata.labels if bundle.metadata else None)
    )


def _plain(selector: meta_v1.LabelSelector | None) -> dict[str, object] | None:
    if selector is None:
        return None
    plain: dict[str, object] = msgspec.to_builtins(selector)
    return plain


def _texts(bundles: Iterable[certificates_v1beta1.ClusterTrustBundle]) -> list[str]:
    return [bundle.spec.trustBundle for bundle in bundles]


def _asked(source: core_v1.ClusterTrustBundleProjection) -> str:
    return f"name {source.name}" if source.name else f"signer {source.signerName} and its label selector"
