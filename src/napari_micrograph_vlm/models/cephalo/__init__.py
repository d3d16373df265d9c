"""Cephalo's checkpoints that ship code of their own, as classes of ours.

Four of the checkpoints that lamm-mit published on the Hugging Face hub bring Python files which
were written for transformers 4.4x and no longer run. None of that code is executed here: these
classes are built from transformers' own CLIP, Phi-3 and Idefics2 modules and rename the published
weights to fit.

What was read, and what could not be:

* *Read* in public copies: ``moe_phi3_v.py`` and ``moe_idefics2.py`` (lamm-mit on GitHub, the files
  of the checkpoints), Microsoft's ``image_embedding_phi3_v.py``, ``image_processing_phi3_v.py`` and
  ``processing_phi3_v.py``, the ``config.json`` of Phi-3-vision and (its beginning) of the Idefics2
  mixture, and the prompt format of the model cards. The names of the weights follow from the
  attributes of those classes.
* *Not read*: the weights themselves and the ``*.index.json`` that list their names. The full
  checkpoints were not tried.
"""
