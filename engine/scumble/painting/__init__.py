# SPDX-License-Identifier: Apache-2.0
"""One job, the same for every method: the picture is read, painted and finished."""
