# SPDX-License-Identifier: Apache-2.0
"""Objects and tokens in memory, with the faults that a test chooses; what agent.objects.model asks of a source."""

import base64
from collections.abc import Sequence
from typing import Any

import msgspec
from lightkube.models import certificates_v1beta1, core_v1, meta_v1

from agent.objects.model import ObjectAbsentError, ObjectUnknownError, Ref
from agent.objects.tokens import Token

NAMESPACE = "default"


class HeldObjects:
    """Answers from what was put in; with `why` set, nothing is known for that reason."""

    def __init__(self, *objects: Any) -> None:
        self.held: dict[Ref, msgspec.Struct] = {}
        self.why = ""
        for each in objects:
            self.put(each)

    def put(self, each: Any) -> None:
        self.held[Ref(type(each).__name__, each.metadata.namespace or "", each.metadata.name)] = each

    def remove(self, kind: str, name: str, namespace: str = NAMESPACE) -> None:
        del self.held[Ref(kind, namespace, name)]

    def get(self, ref: Ref) -> msgspec.Struct:
        if self.why:
            raise ObjectUnknownError(ref, self.why)
        if ref not in self.held:
            raise ObjectAbsentError(ref)
        return self.held[ref]

    def services(self, namespace: str) -> Sequence[core_v1.Service]:
        found = [
            each for ref, each in self.held.items() if ref.kind == "Service" and ref.namespace == namespace
        ]
        return [each for each in found if isinstance(each, core_v1.Service)]

    def trust_bundles(self, signer_name: str) -> Sequence[certificates_v1beta1.ClusterTrustBundle]:
        if self.why:
            raise ObjectUnknownError(Ref("ClusterTrustBundle", "", signer_name), self.why)
        bundles = (
            each for each in self.held.values() if isinstance(each, certificates_v1beta1.ClusterTrustBundle)
        )
        return [each for each in bundles if each.spec.signerName == signer_name]


class HeldTokens:
    """Gives out `text`, or tokens that name who asked and how often; `asked` has every request."""

    def __init__(self, now: float = 1_000_000) -> None:
        self.now = now
        self.asked: list[tuple[str, ...]] = []
        self.error: Exception | None = None
        self.text = ""

    async def request(
        self,
        namespace: str,
        service_account: str,
        audiences: Sequence[str],
        expiration_seconds: int,
        pod_name: str,
        pod_uid: str,
    ) -> Token:
        if self.error:
            raise self.error
        who = (namespace, service_account, *audiences, str(expiration_seconds), pod_name, pod_uid)
        self.asked.append(who)
        if self.text:
            return Token(self.text, self.now + expiration_seconds)
        return Token(f"token {len(self.asked)} {' '.join(who)}", self.now + expiration_seconds)


def config_map(name: str, data: dict[str, str] | None = None, **binary: bytes) -> core_v1.ConfigMap:
    encoded = {key: base64.b64encode(value).decode() for key, value in binary.items()}
    return core_v1.ConfigMap(data=data, binaryData=encoded or None, metadata=_metadata(name))


def secret(name: str, **data: bytes) -> core_v1.Secret:
    encoded = {key.replace("__", "."): base64.b64encode(value).decode() for key, value in data.items()}
    return core_v1.Secret(data=encoded, metadata=_metadata(name))


def service(
    name: str, address: str | None, *ports: tuple[str, int, str], namespace: str = NAMESPACE
) -> core_v1.Service:
    """Ports are (name, number, protocol)."""
    made = [
        core_v1.ServicePort(port=number, name=n or None, protocol=kind or None) for n, number, kind in ports
    ]
    spec = core_v1.ServiceSpec(clusterIP=address, ports=made)
    return core_v1.Service(metadata=meta_v1.ObjectMeta(name=name, namespace=namespace), spec=spec)


def _metadata(name: str) -> meta_v1.ObjectMeta:
    return meta_v1.ObjectMeta(name=name, namespace=NAMESPACE)
