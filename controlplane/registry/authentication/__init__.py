# SPDX-License-Identifier: Apache-2.0
"""Kinds of authentication.k8s.io/v1."""
