"""A model of this project written plainly in PyTorch: the same weights, the same search, the same output.

It is what a practised PyTorch user would write: sources sorted by length into batches, packed sequences through
nn.LSTM, nn.LSTMCell for the decoder's steps, torch.topk over all continuations; a batch runs until its last sentence
ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

PAD, UNK, BOS, EOS = range(4)
NEVER = -1e9


def save_weights(model: Any, path: Path) -> None:
    """Writes the weights of a Seq2Seq under the names that :class:`Twin` reads.

    Raises:
        SystemExit: the model has parts that the twin has not.
    """
    encoder, decoder = model.config.encoder, model.config.decoder
    wanted = {
        "an LSTM": model.config.cell == "lstm",
        "one embedding table": model.config.embedding.tie == "all",
        "a bidirectional encoder": encoder.bidirectional is True and not encoder.reverse_source,
        "a decoder that starts from the encoder's final states": model.decoder.bridge.kind == "final",
        "as many layers on both sides": encoder.layers == decoder.layers > 1,
        "(scaled) dot attention over all, asked by the bottom layer": decoder.attention in ("dot", "scaled_dot")
        and decoder.window == "global"
        and model.decoder.asks_below,
        "nothing else": not (decoder.input_feeding or decoder.feed_summary or decoder.layer_norm or decoder.residual)
        and decoder.copy_source == "none"
        and not (encoder.layer_norm or encoder.residual),
    }
    if missing := [name for name, there in wanted.items() if not there]:
        raise SystemExit(f"The PyTorch twin has only: {', '.join(wanted)}. The model lacks: {', '.join(missing)}")
    arrays: dict[str, Any] = {
        "table": model.source_embedding.table,
        "output_bias": model.output_bias,
        "readout_kernel": model.decoder.readout.kernel,
        "readout_bias": model.decoder.readout.bias,
    }
    layers = {"forward": model.encoder.forward, "backward": model.encoder.backward, "decoder": model.decoder.layers}
    for side, own in layers.items():
        for index, layer in enumerate(own):
            for name in ("kernel", "recurrent_kernel", "bias"):
                arrays[f"{side}_{index}_{name}"] = getattr(layer, name)
    attention = model.decoder.attention
    for name in ("query_map", "key_map", "value_map"):
        if linear := getattr(attention, name):
            arrays[f"{name}_kernel"] = linear.kernel
            if linear.bias is not None:
                arrays[f"{name}_bias"] = linear.bias
    shape = [encoder.layers, decoder.heads, decoder.attention == "scaled_dot"]
    np.savez(
        path.with_suffix(".part.npz"),
        shape=np.array(shape),
        **{name: np.asarray(array) for name, array in arrays.items()},
    )
    path.with_suffix(".part.npz").rename(path)


class Twin(nn.Module):
    """The network of a recipe like multi30k-en-de.

    Args:
        path: the file of :func:`save_weights`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        weights = {name: torch.from_numpy(array) for name, array in np.load(path).items()}
        self.layers, self.heads, scaled = (int(value) for value in weights["shape"])
        self.table = weights["table"]
        size = self.table.shape[1]
        units = weights["decoder_0_recurrent_kernel"].shape[0]
        self.scale = (units // self.heads) ** -0.5 if scaled else 1.0
        self.encoder = nn.LSTM(size, units // 2, self.layers, batch_first=True, bidirectional=True)
        inputs = [size] + [2 * units] * (self.layers - 1)
        self.cells = nn.ModuleList(nn.LSTMCell(depth, units) for depth in inputs)
        for index in range(self.layers):
            for side, suffix in (("forward", ""), ("backward", "_reverse")):
                _fill(self.encoder, f"_l{index}{suffix}", weights, f"{side}_{index}")
            _fill(self.cells[index], "", weights, f"decoder_{index}")
        self.weights = weights

    def encode(self, source: torch.Tensor) -> tuple[Any, Any]:
        """Returns memory (keys, values, mask) and first states of sources [B, S]."""
        lengths = (source != PAD).sum(1)
        embedded = self.table[source] * self.table.shape[1] ** 0.5
        packed = nn.utils.rnn.pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        outputs, states = self.encoder(packed)
        values, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)  # [B, S, D]
        first = [
            tuple(torch.cat([part[2 * layer], part[2 * layer + 1]], dim=-1) for part in states)
            for layer in range(self.layers)
        ]
        keys = self._split(self._linear("key_map", values))
        return (keys, self._split(self._linear("value_map", values)), source != PAD), first

    def step(self, tokens: torch.Tensor, memory: Any, states: Any) -> tuple[torch.Tensor, Any]:
        """Returns logits [B, K, V] and new states after ``tokens`` [B, K]."""
        keys, values, mask = memory
        batch, beam = tokens.shape
        outputs = self.table[tokens.reshape(-1)] * self.table.shape[1] ** 0.5
        new, context = [], None
        for index, cell in enumerate(self.cells):
            inputs = outputs if context is None else torch.cat([outputs, context], dim=-1)
            new.append(cell(inputs, states[index]))
            outputs = new[-1][0]  # [B*K, H]
            if context is None:
                query = self._split(self._linear("query_map", outputs).view(batch, beam, -1))  # [B, N, K, D]
                scores = query @ keys.transpose(2, 3) * self.scale  # [B, N, K, S]
                weights = torch.softmax(scores.masked_fill(~mask[:, None, None], NEVER), dim=-1)
                context = (weights @ values).transpose(1, 2).reshape(batch * beam, -1)
        joined = torch.cat([outputs, context], dim=-1)
        readout = torch.tanh(joined @ self.weights["readout_kernel"] + self.weights["readout_bias"])
        logits = readout @ self.table.T + self.weights["output_bias"]
        return logits.view(batch, beam, -1), new

    def search(self, source: torch.Tensor, limits: torch.Tensor, beam: int, penalty: float) -> list[list[int]]:
        """Returns the best output of each source [B, S]; ``limits`` [B] are the longest lengths."""
        batch, longest = source.shape[0], int(limits.max())
        memory, states = self.encode(source)
        states = [tuple(part.repeat_interleave(beam, 0) for part in state) for state in states]
        tokens = torch.zeros(batch, beam, longest, dtype=torch.long)
        live = torch.full((batch, beam), NEVER)
        live[:, 0] = 0.0
        finished_scores = torch.full((batch, beam), NEVER)
        finished_tokens = torch.zeros_like(tokens)
        done = torch.zeros(batch, dtype=torch.bool)
        last = torch.full((batch, beam), BOS)
        row = torch.arange(batch)[:, None]
        for time in range(longest):
            logits, states = self.step(last, memory, states)
            scores = torch.log_softmax(logits, dim=-1) + live[:, :, None]
            scores[:, :, : BOS + 1] = NEVER  # PAD, UNK and BOS are not text
            best, flat = scores.view(batch, -1).topk(2 * beam)  # [B, 2K]
            parents, chosen = flat // logits.shape[-1], flat % logits.shape[-1]
            candidates = tokens[row, parents]
            candidates[:, :, time] = chosen
            ends = (chosen == EOS) | (time + 1 >= limits)[:, None]
            may_finish = ends & (torch.arange(2 * beam) < beam) & (best > NEVER / 2)
            normalised = torch.where(may_finish, best / (time + 1) ** penalty, NEVER)
            together = torch.cat([finished_scores, normalised], dim=1)
            top, places = together.topk(beam)
            top_tokens = torch.cat([finished_tokens, candidates], dim=1)[row, places]
            finished_scores = torch.where(done[:, None], finished_scores, top)
            finished_tokens = torch.where(done[:, None, None], finished_tokens, top_tokens)
            live, places = torch.where(ends, NEVER, best).topk(beam)
            tokens = candidates[row, places]
            last = tokens[:, :, time]
            rows = (parents.gather(1, places) + row * beam).view(-1)
            states = [tuple(part[rows] for part in state) for state in states]
            worst = finished_scores[:, -1]
            hopeless = live[:, 0] / limits**penalty <= worst
            done = done | hopeless | (worst > NEVER / 2) | (time + 1 >= limits)
            if bool(done.all()):
                break
        return [[token for token in ids if token != PAD] for ids in finished_tokens[:, 0].tolist()]

    def decode(
        self, sources: list[list[int]], beam: int, penalty: float, limits: list[int], tokens_per_batch: int
    ) -> list[list[int]]:
        """Returns the best output of each source, sorted by length into batches of at most so many tokens."""
        order = sorted(range(len(sources)), key=lambda index: -len(sources[index]))
        results: list[list[int]] = [[] for _ in sources]
        while order:
            longest = len(sources[order[0]])
            rows = max(1, tokens_per_batch // beam // longest)
            chosen, order = order[:rows], order[rows:]
            batch = torch.zeros(len(chosen), longest, dtype=torch.long)
            for place, index in enumerate(chosen):
                batch[place, : len(sources[index])] = torch.tensor(sources[index])
            found = self.search(batch, torch.tensor([limits[index] for index in chosen]), beam, penalty)
            for index, ids in zip(chosen, found, strict=True):
                results[index] = ids
        return results

    def _linear(self, name: str, values: torch.Tensor) -> torch.Tensor:
        if f"{name}_kernel" not in self.weights:
            return values
        product = values @ self.weights[f"{name}_kernel"]
        return product + self.weights[f"{name}_bias"] if f"{name}_bias" in self.weights else product

    def _split(self, values: torch.Tensor) -> torch.Tensor:
        """[B, X, D] -> [B, N, X, D / N]."""
        return values.view(*values.shape[:2], self.heads, -1).transpose(1, 2).contiguous()


def _fill(layer: nn.Module, suffix: str, weights: dict[str, torch.Tensor], name: str) -> None:
    """Gives an LSTM of PyTorch, whose gates stand in the order i, f, g, o, the weights of ours: i, f, o, g."""

    def gates(matrix: torch.Tensor) -> torch.Tensor:
        own = matrix.chunk(4, dim=-1)
        return torch.cat([own[0], own[1], own[3], own[2]], dim=-1)

    with torch.no_grad():
        getattr(layer, f"weight_ih{suffix}").copy_(gates(weights[f"{name}_kernel"]).T)
        getattr(layer, f"weight_hh{suffix}").copy_(gates(weights[f"{name}_recurrent_kernel"]).T)
        getattr(layer, f"bias_ih{suffix}").copy_(gates(weights[f"{name}_bias"]))
        getattr(layer, f"bias_hh{suffix}").zero_()
