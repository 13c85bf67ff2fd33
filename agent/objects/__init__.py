# SPDX-License-Identifier: Apache-2.0
"""What pods refer to: ConfigMaps, Secrets, claims, volumes, runtime classes, Services and tokens."""
