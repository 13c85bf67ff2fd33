# SPDX-License-Identifier: Apache-2.0
"""What the agent knows of its node."""
