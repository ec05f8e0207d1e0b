"""The dialogue with the benchmark: one line of JSON with the configuration comes in, one with facts goes out; then
for each line `N`, N steps are made and the seconds that they took go out, with the peak memory of the process in bytes.

`device` is where tensors are made, the processor if it is missing. On a graphics card `tf32` says whether convolutions may
round what they multiply to 11 binary digits, as PyTorch lets them unless told otherwise."""

import json
import resource
import sys
import time

import torch


def serve(main):
    config = json.loads(sys.stdin.readline())
    torch.set_num_threads(config['threads'])
    torch.set_default_device(config.get('device', 'cpu'))
    torch.backends.cudnn.allow_tf32 = config.get('tf32', True)
    facts, step = main(config)
    print(json.dumps({'version': torch.__version__, 'threads': torch.get_num_threads(), **facts}), flush=True)
    done = 0
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            step(done)
            done += 1
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({'seconds': seconds, 'memory': memory}), flush=True)
