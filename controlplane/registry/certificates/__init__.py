# SPDX-License-Identifier: Apache-2.0
"""Kinds of certificates.k8s.io/v1."""
