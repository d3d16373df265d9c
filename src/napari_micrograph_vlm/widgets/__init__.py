"""What the user sees: thin views that show state and say what was clicked.

A view knows no model, no geometry and no layer; handlers in ``viewer/`` bind it to them.
"""
