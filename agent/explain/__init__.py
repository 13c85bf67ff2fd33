# SPDX-License-Identifier: Apache-2.0
"""Why a pod is as it is: what was done for it and how long that took, what it waits for, and what would unblock it."""
