# SPDX-License-Identifier: Apache-2.0
"""PodSecurity: pods keep to the standard that their namespace's labels name; workloads are warned about early."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from controlplane.admission.base import AdmissionPlugin
from controlplane.admission.errors import forbidden
from controlplane.admission.pod_standards.evaluate import findings
from controlplane.admission.pod_standards.model import (
    PREFIX,
    LabelProblem,
    Level,
    Policy,
    Standard,
    policy_of,
)
from controlplane.errors import Cause, invalid
from controlplane.registry.data import Json, items, look, mapping
from controlplane.request import Admission, Operation, Reader

# Where the kinds that make pods have the template.
TEMPLATES: Final = {
    ("", "podtemplates"): ("template",),
    ("", "replicationcontrollers"): ("spec", "template"),
    ("apps", "daemonsets"): ("spec", "template"),
    ("apps", "deployments"): ("spec", "template"),
    ("apps", "replicasets"): ("spec", "template"),
    ("apps", "statefulsets"): ("spec", "template"),
    ("batch", "cronjobs"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "jobs"): ("spec", "template"),
}
# They carry no pod, or cannot change what is looked at. Every other subresource is looked at.
_IGNORED: Final = frozenset(
    {"attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "resize", "status"}
)
_KINDS: Final = ("containers", "initContainers", "ephemeralContainers")
# How many pods of a namespace are looked at when its labels change, and after how many others may run.
MAX_PODS: Final = 3000
_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Exemptions:
    """Whom PodSecurity leaves alone, by name."""

    users: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PodSecuritySettings:
    """The policy of namespaces without labels, and exemptions."""

    default: Policy = field(default_factory=Policy)
    exempt: Exemptions = field(default_factory=Exemptions)


class PodSecurity(AdmissionPlugin):
    """Refuses pods, warns, and notes for the audit log, by the three labels of the namespace."""

    name = "PodSecurity"

    def __init__(self, reader: Reader, settings: PodSecuritySettings | None = None) -> None:
        """Where namespaces and their pods are read."""
        self._reader = reader
        self._settings = settings or PodSecuritySettings()

    async def validate(self, admission: Admission) -> None:
        """Look at pods, at templates, and at namespaces whose labels change."""
        if admission.object is None or admission.operation not in (Operation.CREATE, Operation.UPDATE):
            return
        asked = admission.attributes
        resource = (asked.group, asked.resource)
        if resource == ("", "namespaces") and not asked.subresource:
            await self._validate_namespace(admission, admission.object)
        elif resource == ("", "pods") and asked.subresource not in _IGNORED:
            await self._validate_pod(admission, admission.object)
        elif resource in TEMPLATES and not asked.subresource:
            template = look(admission.object, *TEMPLATES[resource])
            if template is not None:
                await self._evaluate(admission, template, enforce=False)

    async def _validate_pod(self, admission: Admission, pod: Json) -> None:
        if admission.old is None or _matters(pod, admission.old):
            await self._evaluate(admission, pod, enforce=True)

    async def _evaluate(self, admission: Admission, pod: Json, *, enforce: bool) -> None:
        exempt = self._exemption(admission, pod)
        if exempt:
            admission.audit_annotations[f"{PREFIX}exempt"] = exempt
            return
        namespace = await self._reader.get("", "namespaces", "", admission.attributes.namespace)
        policy, problems = policy_of(mapping(namespace, "metadata", "labels"), self._settings.default)
        if policy.is_privileged and not problems:
            return
        told = {one: _told(one, pod) for one in {policy.enforce, policy.audit, policy.warn}}
        _note(admission, policy, problems, enforce=enforce)
        if told[policy.audit]:
            text = f'would violate PodSecurity "{policy.audit}": {told[policy.audit]}'
            admission.audit_annotations[f"{PREFIX}audit-violations"] = text
        if enforce and told[policy.enforce]:
            raise forbidden(admission, f'violates PodSecurity "{policy.enforce}": {told[policy.enforce]}')
        if told[policy.warn]:
            admission.warnings.append(f'would violate PodSecurity "{policy.warn}": {told[policy.warn]}')

    def _exemption(self, admission: Admission, pod: Json) -> str:
        exempt, asked = self._settings.exempt, admission.attributes
        if asked.namespace in exempt.namespaces:
            return "namespace"
        if asked.user.name in exempt.users:
            return "user"
        return "runtimeClass" if look(pod, "spec", "runtimeClassName") in exempt.runtime_classes else ""

    async def _validate_namespace(self, admission: Admission, namespace: Json) -> None:
        """Wrong labels are refused, unless they were there before; a stricter level is tried on the pods there."""
        default = self._settings.default
        labels = mapping(namespace, "metadata", "labels")
        policy, problems = policy_of(labels, default)
        old = mapping(admission.old, "metadata", "labels")
        before, had_problems = policy_of(old, default) if admission.old else (policy, [])
        name = namespace["metadata"].get("name", "")
        if problems and not had_problems:
            raise invalid("", "Namespace", name, tuple(_cause(problem) for problem in problems))
        if name in self._settings.exempt.namespaces:
            if not policy.is_privileged and policy != default and (not admission.old or policy != before):
                admission.warnings.append(_exempt_warning(name, policy, labels))
        elif _is_stricter(policy.enforce, before.enforce):
            admission.warnings += await self._warnings_of_pods(name, policy.enforce)

    async def _warnings_of_pods(self, namespace: str, standard: Standard) -> list[str]:
        """What the pods that are there already do against the level that will be enforced on new ones."""
        exempt = self._settings.exempt.runtime_classes
        pods = [
            pod
            for pod in await self._reader.list("", "pods", namespace)
            if look(pod, "spec", "runtimeClassName") not in exempt
        ]
        first: dict[str, str] = {}
        counts: Counter[str] = Counter()
        for index, pod in enumerate(_one_per_owner_first(pods)[:MAX_PODS]):
            if index % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            reasons = ", ".join(finding.reason for finding in findings(standard, pod))
            if reasons:
                name = pod["metadata"]["name"]
                first[reasons] = min(first.get(reasons, name), name)
                counts[reasons] += 1
        warnings = []
        if len(pods) > MAX_PODS:
            warnings.append(
                f"new PodSecurity enforce level only checked against the first {MAX_PODS} of {len(pods)} existing pods"
            )
        if counts:
            warnings.append(
                f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{standard}"'
            )
        told = (f"{first[reasons]}{_others(count - 1)}: {reasons}" for reasons, count in counts.items())
        return warnings + sorted(told)


def _told(standard: Standard, pod: Json) -> str:
    return ", ".join(str(finding) for finding in findings(standard, pod))


def _note(admission: Admission, policy: Policy, problems: list[LabelProblem], *, enforce: bool) -> None:
    if problems:
        text = "; ".join(str(problem) for problem in problems)
        admission.audit_annotations[f"{PREFIX}error"] = f"Failed to parse policy: {text}"
    if enforce:
        admission.audit_annotations[f"{PREFIX}enforce-policy"] = str(policy.enforce)


def _matters(pod: Json, old: Json) -> bool:
    """Whether an update changes what a standard is about: of a pod, only images change, and containers are added."""
    return any(
        [(one.get("name"), one.get("image")) for one in items(pod, "spec", kind)]
        != [(one.get("name"), one.get("image")) for one in items(old, "spec", kind)]
        for kind in _KINDS
    )


def _is_stricter(new: Standard, old: Standard) -> bool:
    """Whether pods that were fine under the old one may not be under the new one."""
    if new == old or new.level is Level.PRIVILEGED:
        return False
    return new.minor != old.minor or new.level.strictness > old.level.strictness


def _cause(problem: LabelProblem) -> Cause:
    text = f'Invalid value: "{problem.value}": {problem.accepted}'
    return Cause("FieldValueInvalid", text, f"metadata.labels[{problem.label}]")


def _exempt_warning(namespace: str, policy: Policy, labels: Json) -> str:
    modes = (("enforce", policy.enforce), ("audit", policy.audit), ("warn", policy.warn))
    stated = ", ".join(
        f"{mode}={standard}"
        for mode, standard in modes
        if standard.level is not Level.PRIVILEGED
        and (f"{PREFIX}{mode}" in labels or f"{PREFIX}{mode}-version" in labels)
    )
    return f'namespace "{namespace}" is exempt from Pod Security, and the policy ({stated}) will be ignored'


def _one_per_owner_first(pods: list[Json]) -> list[Json]:
    """Pods of one owner are alike, so that one of each goes first."""
    seen: set[str] = set()
    again: list[Json] = []
    first: list[Json] = []
    for pod in pods:
        owner = next(_controllers(pod), "")
        (again if owner in seen else first).append(pod)
        if owner:
            seen.add(owner)
    return first + again


def _controllers(pod: Json) -> Iterator[str]:
    return (one.get("uid", "") for one in items(pod, "metadata", "ownerReferences") if one.get("controller"))


def _others(count: int) -> str:
    if not count:
        return ""
    return f" (and {count} other pod{'' if count == 1 else 's'})"
