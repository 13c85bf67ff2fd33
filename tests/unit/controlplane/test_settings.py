# SPDX-License-Identifier: Apache-2.0
"""What an administrator sets reaches the server that runs: PodSecurity's defaults, the audit log's rules and files."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controlplane.admission.pod_security import Exemptions, PodSecuritySettings
from controlplane.admission.pod_standards.model import Level, Policy, Standard
from controlplane.auth.audit import Rotation
from controlplane.auth.audit_policy import ResourceNames, Rule
from controlplane.config import AuditSettings, ControlPlaneConfig
from controlplane.main import Running, started
from kube.client import Client
from kube.config import from_memory
from kube.errors import ApiStatusError
from kube.kinds import CONFIG_MAPS, NAMESPACES, PODS, SERVICE_ACCOUNTS

Json = dict[str, Any]


def admin(running: Running) -> Client:
    pair = running.pki.client("admin", datetime.now(UTC))
    ca = running.pki.ca_path.read_bytes()
    return Client(
        from_memory(running.url, ca_pem=ca, certificate_pem=pair.certificate_pem, key_pem=pair.key_pem)
    )


def host_pod(namespace: str) -> Json:
    spec = {"hostNetwork": True, "containers": [{"name": "c", "image": "example.com/c:1"}]}
    return {"metadata": {"name": "p", "namespace": namespace}, "spec": spec}


def test_podsecurity_and_audit(tmp_path: Path) -> None:
    config = ControlPlaneConfig(
        tmp_path / "pki",
        "memory://",
        port=0,
        pod_security=PodSecuritySettings(
            Policy(enforce=Standard(Level.BASELINE)), Exemptions(namespaces=frozenset({"free"}))
        ),
        audit=AuditSettings(
            tmp_path / "audit.log",
            Rotation(2048, 1),
            (Rule(logged=True, verbs=("create",), resources=(ResourceNames("", ("configmaps",)),)),),
        ),
    )

    async def steps() -> None:
        async with started(config) as running, admin(running) as client:
            for name in ("free", "strict"):
                await client.create(NAMESPACES, {"metadata": {"name": name}})
            free = await _settled(client, host_pod("free"))
            assert free["metadata"]["namespace"] == "free"
            with pytest.raises(
                ApiStatusError, match='violates PodSecurity "baseline:latest": host namespaces'
            ):
                await _settled(client, host_pod("strict"))
            for number in range(9):
                made = {"metadata": {"name": f"c{number}", "namespace": "free"}}
                await client.create(CONFIG_MAPS, made)

    asyncio.run(steps())
    files = sorted(path.name for path in tmp_path.glob("audit.log*"))
    assert files == ["audit.log", "audit.log.1"]
    lines = [json.loads(line) for name in files for line in (tmp_path / name).read_text().splitlines()]
    assert {(line["verb"], line["objectRef"]["resource"]) for line in lines} == {("create", "configmaps")}
    # The oldest file went.
    assert 0 < len(lines) < 9


async def _settled(client: Client, pod: Json) -> Json:
    """No controllers run here: the pod's service account is made by hand."""
    place = {"name": "default", "namespace": pod["metadata"]["namespace"]}
    await client.create(SERVICE_ACCOUNTS, {"metadata": place})
    return await client.create(PODS, pod)
