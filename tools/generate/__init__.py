"""Writes what is generated from the code: the CRD and the reference pages.

    python -m generate           # write them
    python -m generate --check   # name those that are out of date, and exit 1

A new output is a function that returns its text, and a line in ``outputs.OUTPUTS``.
"""
