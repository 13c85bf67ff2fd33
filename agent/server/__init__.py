# SPDX-License-Identifier: Apache-2.0
"""The agent's HTTP interface: pods, their timelines, and streams into containers."""
