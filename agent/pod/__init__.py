# SPDX-License-Identifier: Apache-2.0
"""One pod: what the runtime holds of it, what to do next (plan), doing it (apply), and what to say of it (status)."""
