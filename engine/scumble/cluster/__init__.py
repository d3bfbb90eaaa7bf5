# SPDX-License-Identifier: Apache-2.0
"""Pictures spread over a Ray cluster; Ray itself is imported in farm.py and tiles.py alone, and when it is used."""
