"""A teacher on this machine: any image-text-to-text model that transformers can load."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

from .base import Reply, TeacherError
from .pictures import Shown

__all__ = ["Local"]


class Local:
    """Asks a checkpoint folder; no code in it is run, and nothing is fetched.

    Parameters
    ----------
    folder : Path
        Holds ``config.json``, weights as safetensors, tokenizer and image processor.
    device : str
        Such as ``"cpu"``, ``"cuda"``; ``"auto"`` takes a GPU where there is one.
    max_tokens : int
        Longest answer.

    Raises
    ------
    TeacherError
        If the folder holds no such model.
    """

    def __init__(self, folder: Path, device: str = "auto", max_tokens: int = 1200) -> None:
        if not (folder / "config.json").is_file():
            raise TeacherError(
                f"{folder} holds no config.json; give the folder of a checkpoint on this machine."
            )
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor
        from transformers.utils import logging

        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        kept = {"local_files_only": True, "trust_remote_code": False}
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            self._processor: Any = AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
                folder, **kept
            )
            model: Any = AutoModelForImageTextToText.from_pretrained(
                folder, use_safetensors=True, dtype="auto", **kept
            )
            self._model = model.to(device).eval()
        except Exception as error:  # a checkpoint of any make can fail in any way
            line = " ".join(str(error).split())[:300].rstrip(".")
            raise TeacherError(
                f"{folder} cannot be loaded as a model that reads pictures: {line}."
            ) from None
        self.name = folder.resolve().name
        self.max_tokens = max_tokens

    def ask(self, shown: Shown, prompt: str, *, temperature: float, seed: int) -> Reply:
        """Answer a prompt about a picture; see :class:`~.base.Teacher`."""
        import torch

        start = perf_counter()
        inputs = self._processor(
            text=[self._chat(prompt)], images=[[shown.image.convert("RGB")]], return_tensors="pt"
        ).to(self._model.device, self._model.dtype)
        how: dict[str, Any] = {"do_sample": False}
        if temperature > 0:
            how = {"do_sample": True, "temperature": temperature}
        with torch.inference_mode(), torch.random.fork_rng(enabled=True):
            torch.manual_seed(seed)
            made = self._model.generate(**inputs, max_new_tokens=self.max_tokens, **how)
        read = inputs["input_ids"].shape[1]
        written = made[0, read:]
        text = self._processor.decode(written, skip_special_tokens=True)
        return Reply(text, read, len(written), perf_counter() - start)

    def _chat(self, prompt: str) -> str:
        """Put the prompt as the model was taught to read it."""
        processor = self._processor
        if getattr(processor, "chat_template", None):
            content = [{"type": "image"}, {"type": "text", "text": prompt}]
            text: str = processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
            )
            return text
        return f"{getattr(processor, 'image_token', '<image>')}\n{prompt}"
