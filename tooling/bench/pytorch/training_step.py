"""Steps of training a denoiser. See serve.py for the dialogue."""

import torch
from adm import UNet, parameters
from diffusion import Diffusion, hybrid_loss
from serve import serve


def main(config):
    torch.manual_seed(0)
    batch, size, classes = config['batch'], config['network']['size'], config['classes']
    network = UNet(channels=1, out_channels=2, labels=classes + 1, **config['network'])
    diffusion = Diffusion()
    weights = list(network.parameters())
    average = [weight.detach().clone() for weight in weights]
    optimizer = torch.optim.AdamW(weights, lr=5e-4, weight_decay=0.0, fused=True)
    images = torch.rand(1024, 1, size, size) * 2 - 1
    labels = torch.randint(0, classes, (1024,))

    def step(index):
        rows = torch.randint(0, len(images), (batch,))
        x_start = images[rows]
        y = torch.where(torch.rand(batch) < 0.2, classes, labels[rows])
        t = torch.randint(0, len(diffusion), (batch,))
        noise = torch.randn_like(x_start)
        at = diffusion.at(t)
        x = at['sqrt_cumprod'] * x_start + at['sqrt_rest'] * noise
        loss = hybrid_loss(diffusion, network(x, t, y), x_start, x, noise, t).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, weights, 1 - 0.999)
        if index % config['log_every'] == 0:
            assert torch.isfinite(loss)

    return {'parameters': parameters(network)}, step


serve(main)
