# SPDX-License-Identifier: Apache-2.0
"""Measurements, apart from the tests: speed may be claimed only with a figure printed here.

`python -m benchmarks [NAME...]` runs every `bench_NAME.py` beside this file. Such a module has one function,

    def bench() -> Iterator[Figure]

which yields its figures as they are measured. A figure that has a limit and misses it makes the whole run exit with 1.
"""

import os

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the engine has it for its worker; read when torch is first imported

from benchmarks.figures import Figure, median, quantile

__all__ = ["Figure", "median", "quantile"]
