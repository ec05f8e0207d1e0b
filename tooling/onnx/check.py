"""Judges .onnx files that `run.mjs` wrote: ONNX's own checker, and ONNX Runtime of Python beside the numbers in Node.

    python check.py FOLDER

The folder holds `cases.json` (name, file, arrays, tolerance), for each case a .npz with `in/…` and `out/…`, and one for the
sampling loop with `x` and `images`. The last line is `N passed, M failed`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort


def facts(model):
    return {entry.key: entry.value for entry in model.metadata_props}


def worst(actual, expected):
    """The largest error, as a share of the largest number."""
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def check_file(path):
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(str(path), load_external_data=False)
    domains = {opset.domain for opset in model.opset_import}
    if domains != {""}:
        raise AssertionError(f"it needs operators of {sorted(domains - {''})}")
    return model


def case(folder, facts_of):
    path = folder / facts_of["file"]
    check_file(path)
    arrays = np.load(folder / facts_of["arrays"])
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {name[3:]: arrays[name] for name in arrays.files if name.startswith("in/")}
    names = [name[4:] for name in arrays.files if name.startswith("out/")]
    results = session.run(names, feeds)
    return max(worst(result, arrays[f"out/{name}"]) for name, result in zip(names, results))


def loop(folder, facts_of):
    """The whole run by the numbers that the file carries."""
    path = folder / facts_of["file"]
    model = check_file(path)
    arrays = np.load(folder / facts_of["arrays"])
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x, labels = arrays["x"], arrays["labels"]
    wanted = {each.name for each in session.get_inputs()}
    for step in json.loads(facts(model)["steps"]):
        same = lambda number: np.full(len(x), number, np.float32)
        coefficients = np.repeat(np.array(step["coefficients"], np.float32)[:, None], len(x), axis=1)
        feeds = {"x": x, "t": same(step["t"]), "tPrevious": same(step["tPrevious"])}
        feeds |= {"coefficients": coefficients, "labels": labels}
        (x,) = session.run(["xNext"], {name: feeds[name] for name in feeds if name in wanted})
    return worst(x, arrays["images"])


def main():
    folder = Path(sys.argv[1])
    passed = failed = 0
    for each in json.loads((folder / "cases.json").read_text()):
        try:
            error = (loop if each["kind"] == "loop" else case)(folder, each)
            fine = error <= each["tolerance"]
            note = f"error {error:.1e}, at most {each['tolerance']:.0e}"
        except Exception as problem:
            fine, note = False, f"{type(problem).__name__}: {problem}"
        passed, failed = passed + fine, failed + (not fine)
        print(f"{'ok    ' if fine else 'FAILED'}  {each['name']}: {note}")
    print(f"onnx {onnx.__version__}, onnxruntime {ort.__version__}, numpy {np.__version__}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
