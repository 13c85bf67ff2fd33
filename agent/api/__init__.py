# SPDX-License-Identifier: Apache-2.0
"""The agent's side of the API server: pods from it, their status and end to it, mirror pods."""
