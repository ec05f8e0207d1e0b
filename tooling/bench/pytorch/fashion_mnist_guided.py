"""Guided sampling: an unconditional UNet steered by a classifier, DDIM. See serve.py for the dialogue."""

import torch
from adm import Classifier, UNet, parameters
from diffusion import Diffusion
from serve import serve


def main(config):
    torch.manual_seed(0)
    count, size, classes = config['count'], config['denoiser']['size'], config['classes']
    denoiser = UNet(channels=1, out_channels=2, labels=classes + 1, **config['denoiser']).eval()
    classifier = Classifier(channels=1, classes=classes, **config['classifier']).eval()
    for weight in [*denoiser.parameters(), *classifier.parameters()]:
        weight.requires_grad_(False)
    diffusion = Diffusion(kept=config['timesteps'])
    labels = torch.arange(count) % classes
    nothing = torch.full((count,), classes)
    rows = torch.arange(count)

    def gradient(x, t):
        with torch.enable_grad():
            leaf = x.detach().requires_grad_(True)
            log_probability = classifier(leaf, t).log_softmax(dim=-1)[rows, labels]
            return torch.autograd.grad(log_probability.sum(), leaf)[0] * config['scale']

    def run(_):
        x = torch.randn(count, 1, size, size)
        for step in reversed(range(len(diffusion))):
            index = torch.full((count,), step)
            at, t = diffusion.at(index), diffusion.timesteps[index]
            with torch.no_grad():
                epsilon, _ = denoiser(x, t, nothing).chunk(2, dim=1)
                x_start = ((x - at['sqrt_rest'] * epsilon) / at['sqrt_cumprod']).clamp(-1, 1)
                epsilon = (x - at['sqrt_cumprod'] * x_start) / at['sqrt_rest']
            epsilon = epsilon - at['sqrt_rest'] * gradient(x, t)
            x_start = (x - at['sqrt_rest'] * epsilon) / at['sqrt_cumprod']
            x = at['previous'].sqrt() * x_start + (1 - at['previous']).sqrt() * epsilon
        assert torch.isfinite(x).all()

    return {'parameters': parameters(denoiser), 'classifierParameters': parameters(classifier)}, run


serve(main)
