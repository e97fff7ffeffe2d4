"""Writes a tiny llama model folder for MLX that recites one sentence, as `tiny_gguf` does for
llama-server. Run by the Python that mlx-lm is installed in, for it has what is needed:

    python tiny_mlx.py FOLDER "a sentence without a word twice"
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

WIDTH, LAYERS, HEADS = 64, 2, 4
SHARPNESS = 4.0
UNKNOWN, START, END, SAY = SPECIAL = ("<unk>", "<|im_start|>", "<|im_end|>", "<|say|>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }} {{ message.content }}<|im_end|>"
    "{% endfor %}{% if add_generation_prompt %}<|say|>{% endif %}"
)


def main(folder: Path, sentence: str) -> None:
    """Write the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [*SPECIAL, *sentence.split()]
    numbers = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocab=numbers, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([AddedToken(word, special=True) for word in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": UNKNOWN,
        "eos_token": END,
        "clean_up_tokenization_spaces": False,
        "chat_template": TEMPLATE,
    })  # fmt: skip
    _write(folder / "config.json", {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": WIDTH,
        "intermediate_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "vocab_size": len(words),
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
        "eos_token_id": numbers[END],
    })  # fmt: skip
    path = [SAY, *sentence.split(), END]
    successors = [(numbers[one], numbers[other]) for one, other in pairwise(path)]
    save_file(_tensors(len(words), successors), folder / "model.safetensors", {"format": "pt"})


def _tensors(size: int, successors: list[tuple[int, int]]) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)

    def matrix(rows: int) -> np.ndarray:
        return random.standard_normal((rows, WIDTH), dtype=np.float32)

    embedding = matrix(size)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    head = np.zeros((size, WIDTH), np.float32)
    for token, following in successors:
        head[following] = SHARPNESS * embedding[token]
    ones, nothing = np.ones(WIDTH, np.float32), np.zeros((WIDTH, WIDTH), np.float32)
    tensors = {
        "model.embed_tokens.weight": embedding,
        "model.norm.weight": ones.copy(),
        "lm_head.weight": head,
    }
    for layer in range(LAYERS):
        shapes = {f"self_attn.{part}_proj": matrix(WIDTH) for part in "qkv"}
        shapes |= {f"mlp.{part}_proj": matrix(WIDTH) for part in ("gate", "up")}
        shapes |= {"self_attn.o_proj": nothing.copy(), "mlp.down_proj": nothing.copy()}
        shapes |= {f"{part}_layernorm": ones.copy() for part in ("input", "post_attention")}
        for name, tensor in shapes.items():
            tensors[f"model.layers.{layer}.{name}.weight"] = tensor
    return tensors


def _write(path: Path, document: dict[str, object]) -> None:
    path.write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
