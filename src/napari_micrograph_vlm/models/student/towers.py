"""The student's contrastive towers: a picture and a statement about it as directions to compare.

They were trained to agree where the statement is true of the picture (MVaEMa, arXiv 2409.07463;
image–text contrast as in CLIP).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from .threads import one_thread

if TYPE_CHECKING:
    from .engine import Student

__all__ = ["of_pictures", "of_statement"]

_ANY = "Describe this micrograph."
"""The question that a statement answers where the model was taught none that asks for kinds."""


@torch.inference_mode()
def of_pictures(student: Student, wholes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Project embeddings of whole pictures.

    Parameters
    ----------
    student : Student
        The model.
    wholes : (n, F) float32 array
        Its block ``"whole"`` of features.

    Returns
    -------
    (n, D) float32 array
        Of length 1 each.
    """
    with one_thread():
        given = torch.from_numpy(np.ascontiguousarray(wholes)).to(student.model.device)
        found = F.normalize(student.model.image_projection(given), dim=-1)
    return found.cpu().numpy().astype(np.float32)


@torch.inference_mode()
def of_statement(student: Student, text: str) -> NDArray[np.float32]:
    """Return the direction of a few words that say what a picture shows, (D,), of length 1."""
    domain = student.model.config.domain or {}
    longest = int(student.model.config.text_config.max_position_embeddings)
    ids = student.processor.encode_statement(str(domain.get("category_question") or _ANY), text)
    with one_thread():
        given = torch.tensor([ids[: longest - 1] + ids[-1:] if len(ids) > longest else ids])
        read = student.model.text_encoder(input_ids=given.to(student.model.device))
        found = F.normalize(student.model.text_projection(read.last_hidden_state[:, 0]), dim=-1)
    return found[0].cpu().numpy().astype(np.float32)
