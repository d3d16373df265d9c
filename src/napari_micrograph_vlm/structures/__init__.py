"""Structures in three dimensions, from a description to a shape that can be printed.

``fields.py`` says what a structure is, ``reading.py`` and ``describing.py`` take it from a text
or from a model's answers, ``building.py`` makes it, ``meshing.py`` writes it and ``render.py``
pictures it as a microscope would.
"""
