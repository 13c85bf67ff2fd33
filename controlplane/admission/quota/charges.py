# SPDX-License-Identifier: Apache-2.0
"""What a new or changed object takes from the quotas of its namespace, and why it may not.

The rules and texts are those of k8s.io/apiserver's resourcequota plugin (CheckRequest).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.admission.amounts import Amounts, minus, only, plus, read, shown, without_zeros, write
from controlplane.admission.pod_amounts import container_amounts
from controlplane.admission.quota.names import COMPUTE, PODS, ResourceName, about
from controlplane.admission.quota.scopes import is_in_scope
from controlplane.admission.quota.usage import container_usage, usage
from controlplane.registry.data import Json, items, mapping
from kube.quantity import ZERO

_MUST_BE_STATED = frozenset(
    form.format(name) for name in COMPUTE[:2] for form in ("{}", "requests.{}", "limits.{}")
)


@dataclass(frozen=True, slots=True)
class Asking:
    """One object that wants in, or changes from `old`."""

    resource: ResourceName
    new: Json
    old: Json | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Charge:
    """What is taken from one quota: amounts by the names of its status.hard, none of them zero."""

    quota: Json
    amounts: Amounts

    @property
    def taken(self) -> Json:
        """The quota with the amounts in status.used."""
        return _with_used(self.quota, plus(_used(self.quota), self.amounts))


class QuotaRefusedError(Exception):
    """A quota has no room, or cannot tell; the text is the refusal's."""


def charges(quotas: Sequence[Json], asking: Asking) -> list[Charge]:
    """What to take from which quotas. Raises QuotaRefusedError for the first that refuses, by name."""
    touched = [
        quota for quota in sorted(quotas, key=lambda one: one["metadata"]["name"]) if _is_about(quota, asking)
    ]
    for quota in touched:
        _check_stated(quota, asking)
        _check_counted(quota, asking.resource)
    wanted = usage(asking.resource, asking.new, asking.now) if touched else {}
    negative = sorted(name for name, amount in wanted.items() if amount < ZERO)
    if negative:
        raise QuotaRefusedError(f"quota usage is negative for resource(s): {','.join(negative)}")
    made = [Charge(quota, _amounts(quota, wanted, asking)) for quota in touched]
    made = [charge for charge in made if charge.amounts]
    for charge in made:
        _check_room(charge)
    return made


def given_back(quota: Json, amounts: Amounts) -> Json:
    """The quota without amounts that had been taken; never below zero."""
    return _with_used(quota, minus(_used(quota), amounts))


def _is_about(quota: Json, asking: Asking, *, old: bool = False) -> bool:
    obj = asking.old if old else asking.new
    names = about(mapping(quota, "status", "hard"), asking.resource)
    return bool(names) and obj is not None and is_in_scope(quota, asking.resource, obj)


def _amounts(quota: Json, wanted: Amounts, asking: Asking) -> Amounts:
    """The difference to the old object, if the quota was about that as well."""
    if asking.old is not None and _is_about(quota, asking, old=True):
        wanted = minus(wanted, usage(asking.resource, asking.old, asking.now))
    return without_zeros(only(wanted, mapping(quota, "status", "hard")))


def _check_room(charge: Charge) -> None:
    hard, used = read(mapping(charge.quota, "status", "hard")), _used(charge.quota)
    after = plus(used, charge.amounts)
    exceeded = [name for name in charge.amounts if after[name] > hard[name]]
    if exceeded:
        raise QuotaRefusedError(
            f"exceeded quota: {charge.quota['metadata']['name']}, requested: {shown(only(charge.amounts, exceeded))}, "
            f"used: {shown(only(used, exceeded))}, limited: {shown(only(hard, exceeded))}"
        )


def _check_counted(quota: Json, resource: ResourceName) -> None:
    """A quota is only enforced once its controller has counted what is there."""
    hard = about(mapping(quota, "status", "hard"), resource)
    if any(name not in mapping(quota, "status", "used") for name in hard):
        names = ",".join(sorted(hard))
        raise QuotaRefusedError(f"status unknown for quota: {quota['metadata']['name']}, resources: {names}")


def _check_stated(quota: Json, asking: Asking) -> None:
    """Where CPU or memory is limited, every container has to say what it needs, unless the pod says it."""
    if asking.resource != PODS:
        return
    spec = mapping(asking.new, "spec")
    required = _MUST_BE_STATED & set(mapping(quota, "status", "hard")) - set(_stated(spec))
    missing: dict[str, list[str]] = {}
    for container in (*items(spec, "containers"), *items(spec, "initContainers")):
        for name in required - set(_stated(container)):
            missing.setdefault(name, []).append(container.get("name", ""))
    if missing:
        told = "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))
        raise QuotaRefusedError(f"failed quota: {quota['metadata']['name']}: must specify {told}")


def _stated(owner: Json) -> Iterable[str]:
    return container_usage(container_amounts(owner, "requests"), container_amounts(owner, "limits"))


def _used(quota: Json) -> Amounts:
    return read(mapping(quota, "status", "used"))


def _with_used(quota: Json, used: Amounts) -> Json:
    return {**quota, "status": {**mapping(quota, "status"), "used": write(used)}}
