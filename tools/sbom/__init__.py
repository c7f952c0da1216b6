"""Bills of materials, as CycloneDX: what the package, the wrapper and the images consist of.

The same commit gives the same bills: they tell the time of ``SOURCE_DATE_EPOCH``, or of the commit.
"""
