# SPDX-License-Identifier: Apache-2.0
"""Pictures spread over a Ray cluster; Ray itself is imported within functions, and when it is used."""
