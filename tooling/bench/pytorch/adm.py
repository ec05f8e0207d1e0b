"""The networks of Dhariwal & Nichol (2021) in PyTorch, for comparison: same shapes, names and order of layers as
`@guided-diffusion/models` with scale-shift conditioning and residual blocks that resample."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def norm(channels):
    return nn.GroupNorm(32, channels)


def timestep_embedding(t, width):
    half = width // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class ResBlock(nn.Module):
    def __init__(self, channels, out, embedding, resample=None):
        super().__init__()
        self.resample = resample
        self.in_layers = nn.Sequential(norm(channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * out))
        self.out_layers = nn.Sequential(norm(out), nn.SiLU(), nn.Identity(), nn.Conv2d(out, out, 3, padding=1))
        nn.init.zeros_(self.out_layers[3].weight)
        nn.init.zeros_(self.out_layers[3].bias)
        self.skip_connection = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)

    def resized(self, x):
        if self.resample == 'down':
            return F.avg_pool2d(x, 2)
        if self.resample == 'up':
            return F.interpolate(x, scale_factor=2, mode='nearest')
        return x

    def forward(self, x, embedding):
        group_norm, silu, conv = self.in_layers
        h = conv(self.resized(silu(group_norm(x))))
        scale, shift = self.emb_layers(embedding)[:, :, None, None].chunk(2, dim=1)
        group_norm, *rest = self.out_layers
        h = group_norm(h) * (1 + scale) + shift
        for layer in rest:
            h = layer(h)
        return self.skip_connection(self.resized(x)) + h


def attend(qkv, heads):
    """[B, 3C, T] with the channels as head x (q, k, v) x width -> [B, C, T]."""
    batch, tripled, length = qkv.shape
    width = tripled // (3 * heads)
    q, k, v = qkv.reshape(batch * heads, 3 * width, length).split(width, dim=1)
    scale = 1 / math.sqrt(math.sqrt(width))
    weights = torch.einsum('bct,bcs->bts', q * scale, k * scale).softmax(dim=-1)
    return torch.einsum('bts,bcs->bct', weights, v).reshape(batch, -1, length)


class Attention(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.norm = norm(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, x):
        sequence = x.flatten(2)
        mixed = attend(self.qkv(self.norm(sequence)), self.heads)
        return (sequence + self.proj_out(mixed)).reshape(x.shape)


class AttentionPool(nn.Module):
    def __init__(self, size, channels, heads, out):
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.randn(channels, size * size + 1) / channels**0.5)
        self.qkv_proj = nn.Conv1d(channels, 3 * channels, 1)
        self.c_proj = nn.Conv1d(channels, out, 1)

    def forward(self, x):
        sequence = x.flatten(2)
        sequence = torch.cat([sequence.mean(dim=-1, keepdim=True), sequence], dim=-1) + self.positional_embedding
        batch, channels, length = sequence.shape
        # here the channels are (q, k, v) x head x width
        q, k, v = self.qkv_proj(sequence).reshape(batch, 3, self.heads, -1, length).unbind(dim=1)
        scale = 1 / math.sqrt(math.sqrt(channels // self.heads))
        weights = torch.einsum('bhct,bhcs->bhts', q * scale, k * scale).softmax(dim=-1)
        mixed = torch.einsum('bhts,bhcs->bhct', weights, v).reshape(batch, channels, length)
        return self.c_proj(mixed)[:, :, 0]


class Block(nn.Sequential):
    def forward(self, x, embedding):
        for layer in self:
            x = layer(x, embedding) if isinstance(layer, ResBlock) else layer(x)
        return x


class Trunk(nn.Module):
    """The downsampling half and the middle, with the embedding."""

    def __init__(self, size, channels, width, multipliers, blocks, attention, head_width):
        super().__init__()
        embedding = 4 * width
        self.width, self.embedding, self.head_width, self.attention = width, embedding, head_width, attention
        self.time_embed = nn.Sequential(
            nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        now = width * multipliers[0]
        self.input_blocks = nn.ModuleList([Block(nn.Conv2d(channels, now, 3, padding=1))])
        self.skips = [now]
        for level, multiplier in enumerate(multipliers):
            for _ in range(blocks):
                out = width * multiplier
                self.input_blocks.append(self.block(now, out, size))
                now = out
                self.skips.append(now)
            if level + 1 < len(multipliers):
                self.input_blocks.append(Block(ResBlock(now, now, embedding, 'down')))
                self.skips.append(now)
                size //= 2
        self.middle_block = Block(
            ResBlock(now, now, embedding), Attention(now, now // head_width), ResBlock(now, now, embedding)
        )
        self.out_size, self.out_channels = size, now

    def block(self, channels, out, size, *more):
        attention = [Attention(out, out // self.head_width)] if size in self.attention else []
        return Block(ResBlock(channels, out, self.embedding), *attention, *more)

    def embed(self, t):
        return self.time_embed(timestep_embedding(t, self.width))

    def encode(self, x, embedding):
        skips = []
        for block in self.input_blocks:
            x = block(x, embedding)
            skips.append(x)
        return self.middle_block(x, embedding), skips


class UNet(Trunk):
    def __init__(self, size, channels, out_channels, width, multipliers, blocks, attention, head_width, labels=None):
        super().__init__(size, channels, width, multipliers, blocks, attention, head_width)
        if labels is not None:
            self.label_emb = nn.Embedding(labels, self.embedding)
        self.labels = labels
        self.output_blocks = nn.ModuleList()
        now, size, skips = self.out_channels, self.out_size, list(self.skips)
        for level, multiplier in reversed(list(enumerate(multipliers))):
            for index in range(blocks + 1):
                out = width * multiplier
                up = level > 0 and index == blocks
                more = [ResBlock(out, out, self.embedding, 'up')] if up else []
                self.output_blocks.append(self.block(now + skips.pop(), out, size, *more))
                now = out
                size *= 2 if up else 1
        self.out = nn.Sequential(norm(now), nn.SiLU(), nn.Conv2d(now, out_channels, 3, padding=1))
        nn.init.zeros_(self.out[2].weight)
        nn.init.zeros_(self.out[2].bias)

    def forward(self, x, t, y=None):
        embedding = self.embed(t)
        if y is not None:
            embedding = embedding + self.label_emb(y)
        h, skips = self.encode(x, embedding)
        for block in self.output_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1), embedding)
        return self.out(h)


class Classifier(Trunk):
    def __init__(self, size, channels, classes, width, multipliers, blocks, attention, head_width):
        super().__init__(size, channels, width, multipliers, blocks, attention, head_width)
        now = self.out_channels
        self.out = nn.Sequential(
            norm(now), nn.SiLU(), AttentionPool(self.out_size, now, now // head_width, classes)
        )

    def forward(self, x, t):
        h, _ = self.encode(x, self.embed(t))
        return self.out(h)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())
