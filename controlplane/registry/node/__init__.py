# SPDX-License-Identifier: Apache-2.0
"""Kinds of node.k8s.io/v1."""
