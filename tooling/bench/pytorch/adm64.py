"""The published 64x64 networks: the gradient of the classifier, or a guided DDIM step. See serve.py."""

import torch
from adm import Classifier, UNet, parameters
from serve import serve


def main(config):
    torch.manual_seed(0)
    kind = config['kind']
    facts = {}
    images = config['images']
    t, y = torch.full((images,), 500), torch.full((images,), 207)
    if kind == 'step':
        denoiser = UNet(**config['denoiser']).eval()
        facts['parameters'] = parameters(denoiser)
    classifier = Classifier(**config['classifier']).eval()
    for weight in classifier.parameters():
        weight.requires_grad_(False)
    facts['classifierParameters' if kind == 'step' else 'parameters'] = parameters(classifier)

    def forward(x):
        with torch.no_grad():
            return denoiser(x, t, y)

    def gradient(x):
        leaf = x.detach().requires_grad_(True)
        return torch.autograd.grad(classifier(leaf, t).log_softmax(dim=-1)[:, 207].sum(), leaf)[0]

    def step(x):
        cumprod, before = torch.tensor(0.4923), torch.tensor(1.0)
        epsilon, _ = forward(x).chunk(2, dim=1)
        x_start = ((x - (1 - cumprod).sqrt() * epsilon) / cumprod.sqrt()).clamp(-1, 1)
        epsilon = (x - cumprod.sqrt() * x_start) / (1 - cumprod).sqrt() - (1 - cumprod).sqrt() * gradient(x)
        x_start = (x - (1 - cumprod).sqrt() * epsilon) / cumprod.sqrt()
        return before.sqrt() * x_start + (1 - before).sqrt() * epsilon

    work = {'gradient': gradient, 'step': step}[kind]

    def run(_):
        assert torch.isfinite(work(torch.randn(images, 3, 64, 64))).all()

    return facts, run


serve(main)
