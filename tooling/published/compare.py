"""Repeats a run of trace.mjs with PyTorch, on the same files, and compares.

    python tooling/published/compare.py TRACE.safetensors [--pictures SAMPLES.npz] [--tolerance 1e-3]

Networks are those of tooling/bench/pytorch/adm.py, the process is written out here after Ho et al. (2020), Nichol &
Dhariwal (2021) and Dhariwal & Nichol (2021); PyTorch's own `torch.load` reads the checkpoints. The noise is taken from
the trace; everything else is computed anew. Prints the relative error |ours - PyTorch's| / |PyTorch's| (2-norms) after
every step and exits with 1 where one is above the tolerance. With `--pictures`, the bytes that the command-line program
wrote are compared with those of PyTorch's last x too, by the same measure.
"""

import argparse
import functools
import gzip
import json
import math
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch.nn import functional as F

here = Path(__file__).parent
sys.path.insert(0, str(here.parent / 'bench' / 'pytorch'))
import adm  # noqa: E402

CLASSES = 1000
MULTIPLIERS = {64: [1, 2, 3, 4], 128: [1, 1, 2, 3, 4], 256: [1, 1, 2, 2, 4, 4]}


def attend_new(qkv, heads):
    """[B, 3C, T] with the channels as (q, k, v) x head x width -> [B, C, T]."""
    batch, tripled, length = qkv.shape
    width = tripled // (3 * heads)
    q, k, v = (part.reshape(batch * heads, width, length) for part in qkv.chunk(3, dim=1))
    scale = 1 / math.sqrt(math.sqrt(width))
    weights = torch.einsum('bct,bcs->bts', q * scale, k * scale).softmax(dim=-1)
    return torch.einsum('bts,bcs->bct', weights, v).reshape(batch, -1, length)


def attention_forward(layer, attend, x):
    sequence = x.flatten(2)
    return (sequence + layer.proj_out(attend(layer.qkv(layer.norm(sequence)), layer.heads))).reshape(x.shape)


def configure_attention(network, heads=None, order='legacy'):
    for layer in network.modules():
        if not isinstance(layer, adm.Attention):
            continue
        if heads:
            layer.heads = heads
        attend = attend_new if order == 'new' else adm.attend
        layer.forward = functools.partial(attention_forward, layer, attend)


def flags_of(name):
    listed = json.loads(gzip.decompress((here.parent / 'golden' / 'vectors' / 'published-models.json.gz').read_bytes()))
    return listed['lsun' if name.startswith('lsun_') else name]['flags'], listed


def resolutions(text):
    return [int(size) for size in str(text).split(',')]


def load(network, path):
    network.load_state_dict(torch.load(path, map_location='cpu', weights_only=True), strict=True, assign=True)
    for weight in network.parameters():
        weight.requires_grad_(False)
    return network.eval()


def denoiser_of(name, path):
    flags, _ = flags_of(name)
    size = flags.get('image_size') or flags['large_size']
    upscales = 'large_size' in flags
    with torch.device('meta'):
        network = adm.UNet(
            size=size,
            channels=6 if upscales else 3,
            out_channels=6,
            width=flags['num_channels'],
            multipliers=MULTIPLIERS[size],
            blocks=flags['num_res_blocks'],
            attention=resolutions_to_sizes(flags['attention_resolutions'], size),
            head_width=flags.get('num_head_channels') or 64,
            labels=CLASSES if flags.get('class_cond') in (True, 'True') else None,
        )
    heads = flags.get('num_heads') if not flags.get('num_head_channels') else None
    configure_attention(network, heads, 'new' if flags.get('use_new_attention_order') else 'legacy')
    return load(network, path), upscales


def resolutions_to_sizes(text, size):
    """The flags name the resolutions themselves: '32,16,8'."""
    return resolutions(text)


def classifier_of(name, path):
    flags, _ = flags_of(name)
    size = flags['image_size']
    with torch.device('meta'):
        network = adm.Classifier(
            size=size,
            channels=3,
            classes=CLASSES,
            width=flags.get('classifier_width', 128),
            multipliers=MULTIPLIERS[size],
            blocks=flags.get('classifier_depth', 2),
            attention=resolutions(flags.get('classifier_attention_resolutions', '32,16,8')),
            head_width=64,
        )
    return load(network, path)


def schedule(kind, timesteps, steps=1000):
    """Tables of the steps that are kept, in float64."""
    if kind == 'linear':
        betas = torch.linspace(0.0001 * 1000 / steps, 0.02 * 1000 / steps, steps, dtype=torch.float64)
    else:
        bar = lambda s: math.cos((s + 0.008) / 1.008 * math.pi / 2) ** 2
        betas = torch.tensor(
            [min(1 - bar((i + 1) / steps) / bar(i / steps), 0.999) for i in range(steps)], dtype=torch.float64
        )
    cumprod = torch.cumprod(1 - betas, dim=0)[timesteps]
    previous = torch.cat([torch.ones(1, dtype=torch.float64), cumprod[:-1]])
    betas = 1 - cumprod / previous
    variance = betas * (1 - previous) / (1 - cumprod)
    clipped = torch.cat([variance[1:2] if len(variance) > 1 else betas[:1], variance[1:]]).log()
    return {
        'cumprod': cumprod,
        'log_beta': betas.log(),
        'log_variance': clipped,
        'mean_x0': betas * previous.sqrt() / (1 - cumprod),
        'mean_xt': (1 - previous) * (1 - betas).sqrt() / (1 - cumprod),
    }


def relative(ours, theirs):
    return float((ours.double() - theirs.double()).norm() / theirs.double().norm())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('trace')
    parser.add_argument('--pictures')
    parser.add_argument('--tolerance', type=float, default=1e-3)
    args = parser.parse_args()
    with safe_open(args.trace, framework='pt') as file:
        facts = file.metadata()
        trace = {key: file.get_tensor(key) for key in file.keys()}
    images = lambda key: trace[key].permute(0, 3, 1, 2).contiguous()
    timesteps = json.loads(facts['timesteps'])
    labels = json.loads(facts['labels'])
    y = torch.tensor(labels) if labels else None
    scale = float(facts['scale'])

    began = time.perf_counter()
    denoiser, upscales = denoiser_of(facts['name'], facts['model'])
    guide_name = f'{denoiser_size(facts["name"])}x{denoiser_size(facts["name"])}_classifier'
    classifier = classifier_of(guide_name, facts['classifier']) if facts['classifier'] else None
    loaded = time.perf_counter() - began
    low = F.interpolate(images('low'), images('start').shape[-2:], mode='bilinear') if upscales else None
    tables = schedule(facts['schedule'], timesteps)

    def gradient(x, t):
        with torch.enable_grad():
            leaf = x.detach().requires_grad_(True)
            chosen = classifier(leaf, t).log_softmax(dim=-1)[range(len(labels)), y]
            return torch.autograd.grad(chosen.sum(), leaf)[0] * scale

    x = images('start')
    worst = 0.0
    seconds = []
    with torch.no_grad():
        for step in reversed(range(len(timesteps))):
            began = time.perf_counter()
            at = {name: float(table[step]) for name, table in tables.items()}
            t = torch.full((len(x),), timesteps[step])
            shown = torch.cat([x, low], dim=1) if upscales else x
            output = denoiser(shown, t, y if denoiser.labels else None)
            epsilon, share = output.chunk(2, dim=1)
            x_start = ((x - math.sqrt(1 - at['cumprod']) * epsilon) / math.sqrt(at['cumprod'])).clamp(-1, 1)
            part = (share + 1) / 2
            log_variance = part * at['log_beta'] + (1 - part) * at['log_variance']
            mean = at['mean_x0'] * x_start + at['mean_xt'] * x
            errors = {}
            if classifier:
                pull = gradient(x, t)
                mean = mean + log_variance.exp() * pull
                errors['gradient'] = relative(images(f'gradient.{step}'), pull)
            x = mean + (torch.exp(0.5 * log_variance) * images(f'noise.{step}') if step > 0 else 0)
            seconds.append(time.perf_counter() - began)
            errors['x_0'] = relative(images(f'xStart.{step}'), x_start)
            errors['x'] = relative(images(f'x.{step}'), x)
            worst = max(worst, *errors.values())
            told = ', '.join(f'{name} {error:.2e}' for name, error in errors.items())
            print(f'{facts["name"]} step {step} (t = {timesteps[step]}): relative error of {told}; |x| {float(x.abs().mean()):.3f}')
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f'PyTorch {torch.__version__}: loaded in {loaded:.1f} s, steps {", ".join(f"{s:.1f}" for s in seconds)} s, peak {peak:.2f} GiB')
    equal = worst < args.tolerance
    if args.pictures:
        written = np.load(args.pictures)['arr_0']
        bytes_ = ((x + 1) * 127.5).floor().clamp(0, 255).permute(0, 2, 3, 1).numpy().astype(np.int16)
        distance = np.abs(written.astype(np.int16) - bytes_)
        error = float(np.linalg.norm(distance.astype(float)) / np.linalg.norm(bytes_.astype(float)))
        equal = equal and error < args.tolerance
        print(
            f'{args.pictures}: {np.count_nonzero(distance)} of {distance.size} bytes differ, '
            f'by {distance.max()} at most, relative error {error:.2e}'
        )
    print(f'largest relative error {worst:.2e}, tolerance {args.tolerance:.0e}: {"equal" if equal else "DIFFERENT"}')
    sys.exit(0 if equal else 1)


def denoiser_size(name):
    flags, _ = flags_of(name)
    return flags.get('image_size') or flags['large_size']


main()
