"""A byte-level transformer that learns to write, and what it writes."""

import math
import pydoc_data.topics

import torch
import torch.nn.functional as F
from torch import nn

from sweepboard import Callback
from sweepboard.data import TokenFile
from sweepboard.tasks import Step, Task


def python_documentation(length):
    """Return windows of the text that `help()` shows, which is installed with Python: a token is a byte."""
    return TokenFile(pydoc_data.topics.__file__, length, dtype="uint8")


class Transformer(nn.Module):
    """A decoder-only transformer: the scores of the next byte at every place."""

    def __init__(self, length, width=64, heads=4, layers=2):
        super().__init__()
        self.bytes, self.places = nn.Embedding(256, width), nn.Embedding(length, width)
        nn.init.normal_(self.bytes.weight, std=0.02)
        nn.init.normal_(self.places.weight, std=0.02)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length), persistent=False)

    def forward(self, text):
        size = text.shape[1]
        hidden = self.bytes(text) + self.places.weight[:size]
        return self.layers(hidden, self.mask[:size, :size], is_causal=True) @ self.bytes.weight.T


class NextByte(Task):
    """The cross-entropy of the next byte, in bits as well."""

    primary_metric = "bits_per_byte"

    def training_step(self, model, batch):
        text, following = batch
        loss = F.cross_entropy(model(text).flatten(0, 1), following.flatten())
        return Step(loss, values={"bits_per_byte": loss / math.log(2)})


class Writes(Callback):
    """Text that the model writes, on the board after every validation."""

    writes_only = True

    def __init__(self, prompt, length, temperature=0.8):
        self.prompt, self.length, self.temperature = prompt, length, temperature

    @torch.no_grad()
    def on_validation(self, progress):
        model, random = progress.learner.model, torch.Generator().manual_seed(0)
        text = torch.tensor([list(self.prompt.encode())])
        for _ in range(self.length - text.shape[1]):
            scores = model(text.to(progress.learner.device))[0, -1].cpu() / self.temperature
            text = torch.cat([text, torch.multinomial(scores.softmax(0), 1, generator=random)[None]], dim=1)
        written = bytes(text[0].tolist()).decode(errors="replace")
        progress.log.text("written", f"```\n{written}\n```")
