"""Lets every test import ``fakes``."""
