"""Cephalo's mixture of three Phi-3-vision models in small."""

from __future__ import annotations

from models.tiny_phi3 import build_moe as build

__all__ = ["build"]
