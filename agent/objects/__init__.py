# SPDX-License-Identifier: Apache-2.0
"""The objects that pods refer to: ConfigMaps, Secrets, claims and the like, as the API server has them."""
