"""What each maker of microscopes writes beside the pixels, brought to common names.

One module a maker, each with a function ``parse_*`` that turns the maker's settings into a
:class:`~..metadata.Calibration`. Entries may be missing or malformed in any way; those are left
out, and a parser never raises.
"""
