# SPDX-License-Identifier: Apache-2.0
"""Kinds of rbac.authorization.k8s.io/v1."""
