# SPDX-License-Identifier: Apache-2.0
"""The words that every component shares, over lightkube's types of the Kubernetes API."""
