# SPDX-License-Identifier: Apache-2.0
"""Wires the API server's side of the agent together; everything it has runs as tasks of run()."""

import asyncio
from collections.abc import AsyncIterator

from lightkube.models import core_v1

from agent.api.mirrors import Mirrors
from agent.api.pods import PodSource
from agent.api.status_writer import StatusWriter
from agent.api.telling import EventTeller
from agent.checkpoint.entries import Remembered
from agent.checkpoint.keeper import CheckpointKeeper
from agent.checkpoint.seal import sealer_of
from agent.config import AgentConfig
from agent.errors import AgentError
from agent.node.keeper import NodeKeeper, Places
from agent.node.lease import Heartbeat
from agent.node.report import Identity
from agent.objects.references import references
from agent.objects.store import ObjectStore
from agent.objects.token_cache import TokenCache
from agent.pod.report import PodReport
from agent.sources.merge import displaced
from agent.sources.model import Snapshot
from kube import tls_buffers
from kube.client import Client
from kube.config import from_file
from kube.errors import ConfigurationError
from kube.events import Recorder

# client-go's kubelet names itself so in Events.
COMPONENT = "kubelet"


class ApiSide:
    """One node's way to its API server: a Reporter, and the source of what comes from there."""

    def __init__(self, config: AgentConfig) -> None:
        """Raises AgentError for an unusable kubeconfig."""
        if config.api is None:
            raise AgentError("this node has no API server: its configuration has no section api")
        name = config.node_name
        self.client = _client(config)
        identity = Identity(name, tuple(filter(None, (config.address,))), config.api.port)
        self.heartbeat = Heartbeat(self.client, name, config.node)
        self.node = NodeKeeper(self.client, identity, config.node, Places(config.state))
        self._checkpoint = CheckpointKeeper(config.state / "checkpoint", sealer_of(config.api.serving_key))
        remembered = self._checkpoint.load()
        self.pods = PodSource(self.client, name, remembered=remembered.pods)
        self.objects = ObjectStore(self.client, remembered=remembered.objects)
        self.tokens = TokenCache(self.client, remembered=remembered.tokens)
        self.events = Recorder(self.client, COMPONENT, host=name)
        self.tell = EventTeller(self.events, self.pods, name)
        self._folder = Snapshot()
        self._writer = StatusWriter(self.client, self.pods, name)
        self._mirrors = Mirrors(self.client, self.pods, name)
        self.objects.changed = self.tokens.changed = self._checkpoint.changed
        self._writer.phase_changed = self._checkpoint.changed
        self.node.on_registered += [self.heartbeat.own, self._mirrors.own]

    def report(self, report: PodReport) -> None:
        """Take note of how a pod is; static pods' news go to their mirror pods."""
        self._writer.report(report)

    def follow_folder(self, folder: Snapshot) -> None:
        """The static pods as they are now: each gets a mirror pod, and the mirror of one that is gone goes."""
        self._folder = folder
        self._mirrors.follow_folder(folder)
        self._tell_displaced(self.pods.snapshot())

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """The pods that the API server wants here; what they name is read from then on."""
        async for snapshot in self.pods.watch():
            if not snapshot.is_blind:
                # Its labels decide which pods may be here.
                await self.node.known.wait()
            self._tell_displaced(snapshot)
            for pod in snapshot.pods.values():
                self.objects.follow(pod.uid, references(pod.pod))
            uids = {pod.uid for pod in snapshot.pods.values()}
            self.objects.keep_only(uids)
            self.tokens.keep_only(uids)
            self._checkpoint.changed()
            yield snapshot

    def _tell_displaced(self, snapshot: Snapshot) -> None:
        """Pods whose names the folder has never start, so nobody else speaks of them."""
        for pod in displaced(self._folder, snapshot).values():
            status = core_v1.PodStatus(phase="Failed")
            if pod.refusal:
                status.reason, status.message = pod.refusal.reason, f"Pod was rejected: {pod.refusal.message}"
            self._writer.report(PodReport(pod, status, is_gone=pod.deletion is not None))

    def _picture(self) -> Remembered:
        """What a start without the API server would need now."""
        pods = {
            uid: {**raw, "status": self._writer.latest(uid) or raw.get("status") or {}}
            for uid, raw in self.pods.wanted().items()
        }
        return Remembered(pods, self.objects.held(), self.tokens.held())

    async def run(self) -> None:
        """Run until cancelled; the Lease comes first."""
        try:
            async with asyncio.TaskGroup() as group:
                for name, work in (
                    ("lease", self.heartbeat.run()),
                    ("node", self.node.run()),
                    ("pods", self.pods.run()),
                    ("pod status", self._writer.run()),
                    ("mirror pods", self._mirrors.run()),
                    ("objects", self.objects.run()),
                    ("events", self.events.run()),
                    ("checkpoint", self._checkpoint.run(self._picture)),
                ):
                    group.create_task(work, name=name)
        finally:
            await self.client.close()


def _client(config: AgentConfig) -> Client:
    api = config.api
    if api is None:
        raise AgentError("this node has no API server")
    tls_buffers.shrink()
    try:
        return Client(from_file(api.kubeconfig), user_agent="orlop-agent")
    except ConfigurationError as error:
        raise AgentError(f"{error}; `orlop up` or `orlop join` writes it") from error
