# SPDX-License-Identifier: Apache-2.0
"""The kubelet: reads which pods this node should run and makes the container runtime run them."""
