# SPDX-License-Identifier: Apache-2.0
"""Probes, and the actions that hooks have in common with them."""

from typing import Final

from lightkube.models import core_v1

from agent.sources.fields.rules import NO, YES, Fields, every

PROBES: Final[Fields] = {
    core_v1.Probe: {
        **every("exec grpc httpGet tcpSocket initialDelaySeconds periodSeconds timeoutSeconds"),
        **every("successThreshold failureThreshold terminationGracePeriodSeconds"),
    },
    core_v1.ExecAction: every("command"),
    core_v1.HTTPGetAction: {**every("host httpHeaders path port scheme"), "protocol": NO},
    core_v1.HTTPHeader: every("name value"),
    core_v1.TCPSocketAction: every("host port"),
    core_v1.GRPCAction: {"port": YES, "service": YES, "mode": NO},
}
