# SPDX-License-Identifier: Apache-2.0
"""Files of several sources in one volume."""

from collections.abc import Mapping
from dataclasses import replace

from lightkube.models import core_v1

from agent.cgroup.resources import all_containers, spec_of
from agent.objects.model import Objects
from agent.pod.facts import PodFacts
from agent.volume.atomic_writer import File
from agent.volume.config_map import config_map_files
from agent.volume.downward_api import downward_files
from agent.volume.errors import VolumeError
from agent.volume.payload import Defaults, checked, chosen
from agent.volume.secret import secret_files
from agent.volume.token import TokenNeed
from agent.volume.trust_bundle import trust_anchors

# Nobody but its owner reads a token, where it is known who that is.
_TOKEN_MODE = 0o600


def projected_files(
    pod: core_v1.Pod,
    name: str,
    sources: core_v1.ProjectedVolumeSource,
    common: Defaults,
    facts: PodFacts,
    objects: Objects,
    tokens: Mapping[TokenNeed, bytes],
) -> dict[str, File]:
    """The files of all sources, a later one over an earlier; name is the volume's, tokens what was asked for before.

    Raises ObjectError, ConfigError or VolumeError.
    """
    namespace = (pod.metadata and pod.metadata.namespace) or "default"
    files: dict[str, File] = {}
    for source in sources.sources or ():
        if each := source.configMap:
            files |= config_map_files(
                objects, namespace, each.name or "", each.items, common, optional=bool(each.optional)
            )
        elif secret := source.secret:
            files |= secret_files(
                objects, namespace, secret.name or "", secret.items, common, optional=bool(secret.optional)
            )
        elif source.downwardAPI:
            files |= downward_files(pod, source.downwardAPI.items, common, facts)
        elif token := source.serviceAccountToken:
            files[checked(token.path)] = _token(pod, name, token, common, tokens)
        elif bundle := source.clusterTrustBundle:
            owner = chosen(bundle.user, common.uid)
            files[checked(bundle.path)] = File(trust_anchors(objects, bundle), common.mode, owner)
        else:
            raise VolumeError(
                f"a source of projected volume {name} is of no kind that is supported: {_kind(source)}"
            )
    return files


def _token(
    pod: core_v1.Pod,
    volume: str,
    source: core_v1.ServiceAccountTokenProjection,
    common: Defaults,
    tokens: Mapping[TokenNeed, bytes],
) -> File:
    need = next((each for each in tokens if (each.volume, each.path) == (volume, source.path)), None)
    if need is None:
        raise VolumeError(f"no token was asked for {source.path} of volume {volume}")
    file = File(tokens[need], common.mode, chosen(source.user, common.uid))
    if file.uid is None:
        file = replace(file, uid=_only_user(pod))
    fs_group = security.fsGroup if (security := spec_of(pod).securityContext) else None
    return replace(file, mode=_TOKEN_MODE) if file.uid is not None or fs_group is not None else file


def _only_user(pod: core_v1.Pod) -> int | None:
    """The user that every container of the pod runs as, if the spec says so of all."""
    security = spec_of(pod).securityContext
    common = security.runAsUser if security else None
    users = {
        chosen(each.securityContext.runAsUser if each.securityContext else None, common)
        for each in all_containers(pod)
    }
    return next(iter(users)) if len(users) == 1 else None


def _kind(source: core_v1.VolumeProjection) -> str:
    kinds = (field for field in source.__struct_fields__ if getattr(source, field) is not None)
    return ", ".join(kinds) or "nothing is set"
