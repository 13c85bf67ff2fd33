# SPDX-License-Identifier: Apache-2.0
"""Kinds of scheduling.k8s.io/v1."""
