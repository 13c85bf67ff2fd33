# SPDX-License-Identifier: Apache-2.0
"""Kinds of networking.k8s.io/v1."""
