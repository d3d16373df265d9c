"""Rewrites one pickled weights file as safetensors; run as a program of its own by ``convert``.

Stands alone: it imports nothing of this package, so that it can run isolated from the user's
environment. Arguments: the pickle and the safetensors file to write. Prints a JSON object with the
names of the tensors, or with the ``error``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(source: str, target: str) -> dict[str, Any]:
    """Rewrite ``source`` as ``target`` and return what is printed."""
    # Here, so that the process answers quickly where the arguments are wrong.
    import torch
    from safetensors.torch import save_file

    try:
        # weights_only: a pickle can run any code it likes; this reader builds tensors only.
        content = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:
        return {"error": (str(error).strip() or type(error).__name__).splitlines()[0]}
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        return {"error": "it holds no table of tensors"}
    other = [name for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if other:
        return {"error": f"it holds something other than tensors: {other[0]!r}"}
    # Safetensors takes no two names for one memory, as tied embeddings have in a pickle.
    tensors = {str(name): value.detach().contiguous().clone() for name, value in content.items()}
    save_file(tensors, target, metadata={"format": "pt"})
    sizes = {name: value.numel() * value.element_size() for name, value in tensors.items()}
    return {"tensors": sizes}


if __name__ == "__main__":
    result = main(str(Path(sys.argv[1])), str(Path(sys.argv[2])))
    print(json.dumps(result))
    sys.exit(1 if "error" in result else 0)
