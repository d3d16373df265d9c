"""Figures, captions and panels of papers: from PDF files, saved web pages and JATS XML."""
