"""Writes what is generated: the CRD and the reference pages from the code, the manifests and a page from the chart.

    python -m generate           # write them
    python -m generate --check   # name those that are out of date, and exit 1

A new output is a function that returns its text, and a line in ``outputs.OUTPUTS``.
"""
