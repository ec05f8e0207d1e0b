"""Writes a UNet as ONNX with PyTorch's own exporter, as it comes: the newer one where its package `onnxscript` is there.
One line of JSON with the configuration comes in, one with facts goes out."""

import contextlib
import importlib.util
import json
import sys

import torch
from adm import parameters
from unet_pass import make


def main(config):
    network, *inputs = make(config)
    newer = importlib.util.find_spec('onnxscript') is not None
    with contextlib.redirect_stdout(sys.stderr), torch.no_grad():
        torch.onnx.export(
            network,
            tuple(inputs),
            config['path'],
            input_names=['x', 't', 'labels'],
            output_names=['output'],
            dynamo=newer,
            external_data=newer,
        )
    return {
        'version': torch.__version__,
        'exporter': 'torch.export' if newer else 'TorchScript',
        'parameters': parameters(network),
    }


print(json.dumps(main(json.loads(sys.stdin.readline()))), flush=True)
