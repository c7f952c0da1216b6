"""Scanners over the sources, the chart and the Dockerfile: none needs a network once it is there.

A finding of a scanner is fixed, or waived in ``waivers.toml`` with the reason; a waiver that nothing needs any more is
an error, too.
"""
