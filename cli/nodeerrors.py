# SPDX-License-Identifier: Apache-2.0
"""What the parts of a node may raise when they cannot go on; each message is written for the user."""

from agent.cgroup.errors import CgroupError
from agent.errors import AgentError
from cri import CriError
from kube.errors import ConfigurationError
from netplugin.errors import NetpluginError

NODE_ERRORS = (AgentError, CgroupError, ConfigurationError, CriError, NetpluginError)
