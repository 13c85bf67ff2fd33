# SPDX-License-Identifier: Apache-2.0
"""What the level restricted forbids on top: everything that hardened pods do without."""

from typing import Any, Final

from controlplane.admission.pod_standards.baseline import seccomp_finding
from controlplane.admission.pod_standards.view import Finding, PodView, containers, number, quoted, setters
from controlplane.registry.data import Json, items

_VOLUMES: Final = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
# From here on a pod for Windows is not asked for what only Linux has.
_KNOWS_WINDOWS: Final = 25
# From here on a pod whose root is nobody outside may be root inside.
_KNOWS_USER_NAMESPACES: Final = 35


def privilege_escalation(view: PodView, minor: int) -> Finding | None:
    """No process gets more rights than its parent (no_new_privs)."""
    bad = [name for name, value in view.of_containers("allowPrivilegeEscalation") if value is not False]
    if not bad or _is_spared(view, minor):
        return None
    detail = f"{containers(bad)} must set securityContext.allowPrivilegeEscalation=false"
    return Finding("allowPrivilegeEscalation != false", detail)


def capabilities(view: PodView, minor: int) -> Finding | None:
    """None but the one for low ports."""
    if _is_spared(view, minor):
        return None
    keeping: list[str] = []
    adding: dict[str, set[str]] = {}
    for name, value in view.of_containers("capabilities"):
        given: Json = value or {}
        if "ALL" not in (given.get("drop") or ()):
            keeping.append(name)
        if extra := set(given.get("add") or ()) - {"NET_BIND_SERVICE"}:
            adding[name] = extra
    told = []
    if keeping:
        told.append(f'{containers(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        added = sorted(set().union(*adding.values()))
        who = containers(list(adding))
        told.append(f"{who} must not include {quoted(added)} in securityContext.capabilities.add")
    return Finding("unrestricted capabilities", "; ".join(told)) if told else None


def volumes(view: PodView, _: int) -> Finding | None:
    """Only what belongs to the pod, or was set up by an administrator."""
    bad: list[str] = []
    kinds: set[str] = set()
    for volume in items(view.spec, "volumes"):
        sources = {key for key, value in volume.items() if key != "name" and value is not None}
        if not sources & _VOLUMES:
            bad.append(volume.get("name", ""))
            kinds.add(min(sources, default="unknown"))
    if not bad:
        return None
    detail = (
        f"{number(len(bad), 'volume', 'volumes')} {quoted(bad)} {number(len(bad), 'uses', 'use')} "
        f"{number(len(kinds), 'restricted volume type', 'restricted volume types')} {quoted(sorted(kinds))}"
    )
    return Finding("restricted volume types", detail)


def run_as_non_root(view: PodView, minor: int) -> Finding | None:
    """Said of every container, by itself or by the pod."""
    if minor >= _KNOWS_USER_NAMESPACES and view.has_own_users:
        return None
    pod = view.of_pod("runAsNonRoot")
    bad = [name for name, value in view.of_containers("runAsNonRoot") if value is False]
    if pod is False or bad:
        who = setters(pod is False, bad)
        return Finding("runAsNonRoot != true", f"{who} must not set securityContext.runAsNonRoot=false")
    silent = _silent(view, pod, "runAsNonRoot")
    if not silent:
        return None
    detail = f"pod or {containers(silent)} must set securityContext.runAsNonRoot=true"
    return Finding("runAsNonRoot != true", detail)


def run_as_user(view: PodView, minor: int) -> Finding | None:
    """Not as root by number."""
    if minor >= _KNOWS_USER_NAMESPACES and view.has_own_users:
        return None
    pod = view.of_pod("runAsUser") == 0
    bad = [name for name, value in view.of_containers("runAsUser") if value == 0]
    return Finding("runAsUser=0", f"{setters(pod, bad)} must not set runAsUser=0") if pod or bad else None


def seccomp(view: PodView, minor: int) -> Finding | None:
    """A profile for every container, by itself or by the pod."""
    if _is_spared(view, minor):
        return None
    found = seccomp_finding(view, ("RuntimeDefault", "Localhost"))
    if found:
        return found
    silent = _silent(view, view.of_pod("seccompProfile"), "seccompProfile")
    if not silent:
        return None
    who = f"pod or {containers(silent)}"
    detail = f'{who} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Finding("seccompProfile", detail)


def _silent(view: PodView, pod: Any, field: str) -> list[str]:
    """The containers for which neither they nor the pod say anything."""
    return [] if pod else [name for name, value in view.of_containers(field) if value is None]


def _is_spared(view: PodView, minor: int) -> bool:
    return minor >= _KNOWS_WINDOWS and view.is_windows
