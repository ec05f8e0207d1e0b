"""One pass of a UNet. See serve.py for the dialogue."""

import torch
from adm import UNet, parameters
from serve import serve


def make(config):
    """The network, and what goes into it beside the images: timesteps and labels."""
    torch.manual_seed(0)
    network = UNet(**config['unet']).eval()
    return network, images(config), torch.full((config['images'],), config['t']), torch.tensor(config['labels'])


def images(config):
    size = config['unet']['size']
    return torch.randn(config['images'], config['unet']['channels'], size, size)


def main(config):
    network, _, t, y = make(config)

    def run(_):
        with torch.no_grad():
            assert torch.isfinite(network(images(config), t, y)).all()

    return {'parameters': parameters(network)}, run


if __name__ == '__main__':
    serve(main)
