# SPDX-License-Identifier: Apache-2.0
"""ServiceAccount: every pod runs as an account, and finds the account's token at the usual place."""

import asyncio
from typing import Final

from controlplane.admission.base import AdmissionPlugin, is_about
from controlplane.admission.errors import forbidden
from controlplane.admission.secret_references import check_ephemeral_references, check_references
from controlplane.admission.token_volume import mount_token
from controlplane.registry.data import Json, items, look, mapping, member
from controlplane.request import Admission, Operation, Reader

DEFAULT_ACCOUNT: Final = "default"
MIRROR_ANNOTATION: Final = "kubernetes.io/config.mirror"
ENFORCE_SECRETS_ANNOTATION: Final = "kubernetes.io/enforce-mountable-secrets"
_TRUE: Final = ("1", "t", "T", "true", "True", "TRUE")
# How often, and with which pause in seconds, the account of a new namespace is looked for: its controller makes it.
_TRIES: Final = 10
_PAUSE: Final = 0.1


class ServiceAccount(AdmissionPlugin):
    """Gives new pods an account, its token volume and its imagePullSecrets; refuses pods whose account is missing."""

    name = "ServiceAccount"

    def __init__(self, reader: Reader, *, tries: int = _TRIES, pause: float = _PAUSE) -> None:
        """Where accounts are read; how often the account named default is waited for, with pauses in seconds."""
        self._reader = reader
        self._tries = tries
        self._pause = pause

    async def mutate(self, admission: Admission) -> None:
        """Fill in spec.serviceAccountName, the volume with its mounts, and imagePullSecrets."""
        pod = admission.object
        if pod is None or not is_about(admission, "", "pods", Operation.CREATE) or _is_mirror(pod):
            return
        spec = member(pod, "spec")
        spec["serviceAccountName"] = look(spec, "serviceAccountName") or DEFAULT_ACCOUNT
        # The old name of the same field, which old clients read.
        spec["serviceAccount"] = spec["serviceAccountName"]
        account = await self._account(admission, spec["serviceAccountName"])
        if _automounts(account, spec):
            mount_token(spec)
        secrets = items(account, "imagePullSecrets")
        if secrets and not items(spec, "imagePullSecrets"):
            spec["imagePullSecrets"] = [dict(secret) for secret in secrets]

    async def validate(self, admission: Admission) -> None:
        """Refuse missing accounts, secrets that the account may not mount, mirror pods with an account or secrets."""
        pod = admission.object
        if pod is None:
            return
        if is_about(admission, "", "pods", Operation.UPDATE, subresources=("ephemeralcontainers",)):
            await self._validate_ephemeral(admission, pod)
        elif is_about(admission, "", "pods", Operation.CREATE):
            await self._validate_new(admission, pod)

    async def _validate_new(self, admission: Admission, pod: Json) -> None:
        spec = mapping(pod, "spec")
        if _is_mirror(pod):
            _check_mirror(admission, spec)
            return
        name = look(spec, "serviceAccountName")
        if not name:
            where = f"{admission.attributes.namespace}/{look(pod, 'metadata', 'name', default='')}"
            raise forbidden(admission, f"no service account specified for pod {where}")
        account = await self._account(admission, name)
        if _enforces_secrets(account) and (problem := check_references(account, spec)):
            raise forbidden(admission, problem)

    async def _validate_ephemeral(self, admission: Admission, pod: Json) -> None:
        name = look(pod, "spec", "serviceAccountName")
        if not name:
            return
        account = await self._account(admission, name)
        if _enforces_secrets(account) and (problem := check_ephemeral_references(account, pod["spec"])):
            raise forbidden(admission, problem)

    async def _account(self, admission: Admission, name: str) -> Json:
        namespace = admission.attributes.namespace
        for attempt in range(self._tries if name == DEFAULT_ACCOUNT else 1):
            if attempt:
                await asyncio.sleep(self._pause)
            account = await self._reader.get("", "serviceaccounts", namespace, name)
            if account is not None:
                return account
        missing = f'serviceaccount "{name}" not found'
        raise forbidden(admission, f"error looking up service account {namespace}/{name}: {missing}")


def _is_mirror(pod: Json) -> bool:
    return MIRROR_ANNOTATION in mapping(pod, "metadata", "annotations")


def _automounts(account: Json, spec: Json) -> bool:
    """The pod decides, then the account; unless one says no, it is mounted."""
    for owner in (spec, account):
        if look(owner, "automountServiceAccountToken") is not None:
            return bool(owner["automountServiceAccountToken"])
    return True


def _enforces_secrets(account: Json) -> bool:
    return mapping(account, "metadata", "annotations").get(ENFORCE_SECRETS_ANNOTATION) in _TRUE


def _check_mirror(admission: Admission, spec: Json) -> None:
    """A mirror pod shows a node's own manifest: nothing of the API may be given to it."""
    if look(spec, "serviceAccountName"):
        raise forbidden(admission, "a mirror pod may not reference service accounts")
    if any(_has_secret(volume) for volume in items(spec, "volumes")):
        raise forbidden(admission, "a mirror pod may not reference secrets")
    for volume in items(spec, "volumes"):
        if any("serviceAccountToken" in source for source in items(volume, "projected", "sources")):
            raise forbidden(admission, "a mirror pod may not use ServiceAccountToken volume projections")


def _has_secret(volume: Json) -> bool:
    return "secret" in volume or any("secret" in source for source in items(volume, "projected", "sources"))
