"""Sizes and switches of the student."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import BlipTextConfig, BlipVisionConfig, EfficientNetConfig, PreTrainedConfig

__all__ = ["MvaemaConfig"]

_BACKBONE: dict[str, Any] = {
    # EfficientNet-Lite0: the B0 plan without squeeze-and-excitation, ReLU6 for swish.
    "image_size": 384,
    "width_coefficient": 1.0,
    "depth_coefficient": 1.0,
    "hidden_dim": 1280,
    "hidden_act": "relu6",
}
_VISION: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "attention_dropout": 0.1,
    # The default of 1e-10 is meant for loading weights; from scratch it learns nothing.
    "initializer_range": 0.02,
}
_TEXT: dict[str, Any] = {
    "vocab_size": 4000,
    "hidden_size": 256,
    "encoder_hidden_size": 256,
    "intermediate_size": 768,
    "projection_dim": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "max_position_embeddings": 160,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.0,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "sep_token_id": 3,
    "is_decoder": True,
}


class MvaemaConfig(PreTrainedConfig):
    """Configuration of :class:`~.modeling.MvaemaModel`.

    Attributes
    ----------
    text_config : BlipTextConfig or dict
        Text encoder and decoder; a dict changes the defaults given here.
    vision_config : BlipVisionConfig or dict
        The transformer layers of the image encoder.
    backbone_config : EfficientNetConfig or dict
        The frozen convolutional network.
    image_size, token_size : int
        Longest side of a view and side of an image token, in pixels.
    feature_strides : list of int
        Strides of the backbone whose features make up a token; finer ones keep small defects.
    position_frequencies : int
        Octaves of the Fourier features of a token's place.
    amounts : int
        Learnt things whose amounts are summed over the tokens of a region.
    projection_dim : int
        Size of the space in which images and statements are compared.
    loss_weights : dict of str to float
        Weight of ``itc``, ``itm``, ``lm`` and ``grounding``; a weight of 0 removes the loss.
    grounding_layers : list of int
        Decoder layers whose cross-attention is taught, and shown, as the place looked at.
    grounding_spread : float
        Share of the grounding loss that asks for the whole mask rather than any part of it.
    cls_token_id, enc_token_id, mask_token_id : int
        Start of a statement that is compared, start of one that is matched, and ``[MASK]``.
    temperature : float
        Divides label scores before they become probabilities.
    calibration : dict of str to float
        How much of a label's likelihood without a picture is taken off: ``known`` for labels of
        the domain (whose frequencies were learnt), ``free`` for any others.
    answer_calibration : list of 4 floats, optional
        How the confidence of an answer is told from its tokens' probabilities (see
        :mod:`.confidence`); None: their geometric mean.
    name : str
        What the model is called in answers.
    suggestions : list of str
        Questions that it is good at, best first.
    novelty : dict, optional
        Figures of the check whether a picture is a micrograph: how many pictures it was fitted to
        and what it said of those kept aside; None: the model has no such check.
    domain : dict
        What it was taught: ``categories`` and ``defects`` (lists of labels); the questions that
        ask for them, ``category_question``, ``defect_question`` and ``generic_question``; the
        answers it learnt, with ``{label}`` in place of the label, ``category_answer``,
        ``defect_answer`` and ``generic_answer``; and ``answers``, label -> answer where the
        template does not fit.
    """

    model_type = "mvaema"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {
        "text_config": BlipTextConfig,
        "vision_config": BlipVisionConfig,
        "backbone_config": EfficientNetConfig,
    }

    text_config: Any = None
    vision_config: Any = None
    backbone_config: Any = None
    image_size: int = 384
    token_size: int = 32
    feature_strides: list[int] | tuple[int, ...] = (8, 16, 32)
    position_frequencies: int = 6
    amounts: int = 64
    projection_dim: int = 128
    loss_weights: dict[str, float] | None = None
    grounding_layers: list[int] | tuple[int, ...] = (2, 3)
    grounding_spread: float = 0.2
    cls_token_id: int = 7
    enc_token_id: int = 4
    mask_token_id: int = 6
    temperature: float = 1.0
    calibration: dict[str, float] | None = None
    answer_calibration: list[float] | None = None
    name: str = "MVaEMa student"
    suggestions: list[str] | None = None
    domain: dict[str, Any] | None = None
    novelty: dict[str, float] | None = None
    tie_word_embeddings: bool = True
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        for key, kind, defaults in (
            ("text_config", BlipTextConfig, _TEXT),
            ("vision_config", BlipVisionConfig, _VISION),
            ("backbone_config", EfficientNetConfig, _BACKBONE),
        ):
            value = getattr(self, key)
            if value is None or isinstance(value, dict):
                setattr(self, key, kind(**{**defaults, **(value or {})}))
        self.feature_strides = tuple(self.feature_strides)
        self.grounding_layers = tuple(self.grounding_layers)
        self.loss_weights = {
            "itc": 1.0,
            "itm": 1.0,
            "lm": 1.0,
            "grounding": 0.5,
            **(self.loss_weights or {}),
        }
        self.calibration = {"known": 0.0, "free": 1.0, **(self.calibration or {})}
        self.suggestions = list(self.suggestions or ())
        self.domain = dict(self.domain or {})
        super().__post_init__(**kwargs)
