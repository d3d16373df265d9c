"""Options that every command with a teacher has."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Attempts", "KeyVariable", "MaxTokens", "PriceIn", "PriceOut", "Side", "Timeout"]

Timeout = Annotated[
    float, typer.Option("--timeout", min=0.01, help="Seconds to wait for one answer.")
]
Attempts = Annotated[
    int, typer.Option("--attempts", min=1, help="How often one question is tried.")
]
MaxTokens = Annotated[int, typer.Option("--max-tokens", min=1, help="Longest answer in tokens.")]
Side = Annotated[
    int, typer.Option("--side", min=64, help="Longest side of what is shown, in pixels.")
]
PriceIn = Annotated[
    float | None, typer.Option("--price-in", min=0, help="Price of a million tokens read.")
]
PriceOut = Annotated[
    float | None, typer.Option("--price-out", min=0, help="Price of a million tokens written.")
]
KeyVariable = Annotated[
    str | None,
    typer.Option("--key-variable", help="Environment variable that holds the server's key."),
]
