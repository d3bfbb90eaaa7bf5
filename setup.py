# SPDX-License-Identifier: Apache-2.0
"""Names the packages, which pyproject.toml cannot: the two plug-ins go in as data of scumble.install, not as packages of
their own, for `scumble plugin install` copies them into the host programs and nobody imports them."""

from setuptools import find_packages, setup

PLUGINS = ["scumble.install.plugin_gimp", "scumble.install.plugin_krita"]

setup(packages=[*find_packages("engine"), *PLUGINS])
