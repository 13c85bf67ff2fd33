# SPDX-License-Identifier: Apache-2.0
"""Which secrets a pod may use when its account says so (the annotation kubernetes.io/enforce-mountable-secrets)."""

from collections.abc import Iterator

from controlplane.registry.data import Json, items, look


def check_references(account: Json, spec: Json) -> str:
    """Why this PodSpec may not run as this account, or "": it uses secrets that the account does not list."""
    return next(_problems(account, spec), "")


def check_ephemeral_references(account: Json, spec: Json) -> str:
    """The same for ephemeral containers, which come later and bring no volumes."""
    return next(_variables(account, items(spec, "ephemeralContainers"), "ephemeral container"), "")


def _problems(account: Json, spec: Json) -> Iterator[str]:
    allowed, name = _names(account, "secrets"), look(account, "metadata", "name")
    for volume in items(spec, "volumes"):
        secret = look(volume, "secret", "secretName")
        if secret is not None and secret not in allowed:
            yield (
                f'volume with secret.secretName="{secret}" is not allowed because service account {name} '
                "does not reference that secret"
            )
    yield from _variables(account, items(spec, "initContainers"), "init container")
    yield from _variables(account, items(spec, "containers"), "container")
    pulls = _names(account, "imagePullSecrets")
    for index, reference in enumerate(items(spec, "imagePullSecrets")):
        if reference.get("name") not in pulls:
            yield (
                f'imagePullSecrets[{index}].name="{reference.get("name")}" is not allowed because service account '
                f"{name} does not reference that imagePullSecret"
            )


def _variables(account: Json, containers: list[Json], what: str) -> Iterator[str]:
    allowed, name = _names(account, "secrets"), look(account, "metadata", "name")
    for container in containers:
        for variable in items(container, "env"):
            secret = look(variable, "valueFrom", "secretKeyRef", "name")
            if secret is not None and secret not in allowed:
                yield (
                    f"{what} {container.get('name')} with envVar {variable.get('name')} referencing "
                    f'secret.secretName="{secret}" is not allowed because service account {name} does not '
                    "reference that secret"
                )
        for source in items(container, "envFrom"):
            secret = look(source, "secretRef", "name")
            if secret is not None and secret not in allowed:
                yield (
                    f'{what} {container.get("name")} with envFrom referencing secret.secretName="{secret}" is not '
                    f"allowed because service account {name} does not reference that secret"
                )


def _names(account: Json, field: str) -> set[str]:
    return {reference.get("name", "") for reference in items(account, field)}
