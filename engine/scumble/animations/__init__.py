# SPDX-License-Identifier: Apache-2.0
"""Animated pictures, read and written a frame at a time: GIF, APNG and WebP.

A container (gif.py, png.py, webp.py) is taken apart into still pictures and put together from them; what a picture is worth,
its depth, colours and alpha, is decided where all pictures are read and written (scumble.raster). frames.py lays what is
read upon what is there, reading.py and writing.py are what everybody uses.
"""
