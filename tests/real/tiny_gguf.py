"""Writes a tiny llama model that recites one sentence: enough for a real llama-server to load,
answer, stream and report, with nothing downloaded.

The trick: every block's last matrix is zero, so the blocks are computed but add nothing, and the
hidden state at the end is the embedding of the last token. The output matrix then maps each
token's embedding to the token that follows it in the sentence. What a test reads back therefore
tells which model answered. Wider and deeper models say the same, only slower.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

HEAD = 16
SHARPNESS = 4.0  # 32 logits ahead at width 64: sampling at any usual temperature stays on the path

TEMPLATE = (
    "{% if tools %}<|im_start|>system\nTools: {{ tools | tojson }}\nTo call one, say "
    '<tool_call>{"name": NAME, "arguments": ARGUMENTS}</tool_call><|im_end|>\n{% endif %}'
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content or '' }}"
    "{% for call in message.tool_calls or [] %}<tool_call> "
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}'
    " </tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

Matrix = npt.NDArray[np.float32]


class Vocabulary:
    """A SentencePiece-style vocabulary: control tokens, all 256 bytes, the sentence's words."""

    def __init__(self, sentence: str) -> None:
        self.tokens = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
        self.types = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 4
        self.end = self.tokens.index("<|im_end|>")
        self.newline = self._add("<0x0A>", gguf.TokenType.BYTE)
        for byte in range(256):
            if byte != 0x0A:
                self._add(f"<0x{byte:02X}>", gguf.TokenType.BYTE)
        words = sentence.split()
        assert len(set(words)) == len(words), "a word that occurs twice has two successors"
        self.words = [self._add(f"\u2581{word}", gguf.TokenType.NORMAL) for word in words]

    def _add(self, token: str, kind: gguf.TokenType) -> int:
        self.tokens.append(token)
        self.types.append(kind)
        return len(self.tokens) - 1

    def successors(self) -> list[tuple[int, int]]:
        """Token → next token; the newline that ends the prompt starts the sentence."""
        path = [self.newline, *self.words, self.end]
        return list(pairwise(path))


def write_model(
    path: Path, sentence: str, *, layers: int = 2, width: int = 64, context: int = 4096
) -> Path:
    """Write a model that answers everything with `sentence` (no word twice), then stops.

    Returns `path`. `width` is a multiple of 16.
    """
    vocabulary = Vocabulary(sentence)
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, vocabulary, layers=layers, width=width, context=context)
    for name, tensor in _tensors(vocabulary, layers=layers, width=width).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(
    writer: gguf.GGUFWriter, vocabulary: Vocabulary, *, layers: int, width: int, context: int
) -> None:
    writer.add_name("tiny-reciter")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(4 * width)
    writer.add_head_count(width // HEAD)
    writer.add_head_count_kv(width // HEAD)
    writer.add_rope_dimension_count(HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(vocabulary.tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_scores([0.0] * len(vocabulary.tokens))
    writer.add_token_types(vocabulary.types)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(vocabulary.end)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)


def _tensors(vocabulary: Vocabulary, *, layers: int, width: int) -> dict[str, Matrix]:
    random = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> Matrix:
        return random.standard_normal((rows, columns), dtype=np.float32)

    size = len(vocabulary.tokens)
    embedding = matrix(size, width)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    output = np.zeros((size, width), np.float32)
    for token, following in vocabulary.successors():
        output[following] = SHARPNESS * embedding[token]
    ones = np.ones(width, np.float32)
    tensors = {
        "token_embd.weight": embedding,
        "output_norm.weight": ones,
        "output.weight": output,
    }
    for layer in range(layers):
        shapes = {
            "attn_q": matrix(width, width),
            "attn_k": matrix(width, width),
            "attn_v": matrix(width, width),
            "attn_output": np.zeros((width, width), np.float32),
            "attn_norm": ones,
            "ffn_gate": matrix(4 * width, width),
            "ffn_up": matrix(4 * width, width),
            "ffn_down": np.zeros((width, 4 * width), np.float32),
            "ffn_norm": ones,
        }
        tensors |= {f"blk.{layer}.{name}.weight": tensor for name, tensor in shapes.items()}
    return tensors
