"""Runs ONNX models that vrpipe wrote and compares them with reference tensors.

usage: onnx_check.py MODEL.onnx GOLDEN.safetensors [single|half]

The golden file holds the input frames and what the original network gave for the first and the
last of them. States are carried over all frames. Exit code 0: all within the tolerance, 1: some
are not, 77: onnxruntime or numpy is missing.
"""

import json
import struct
import sys

try:
    import numpy
    import onnxruntime
except ImportError as error:
    print(error)
    sys.exit(77)

# Largest relative L2 distance: sums in another order give 1e-6 or so per layer.
TOLERANCE = 1e-4
# Largest difference of an element, relative to the largest element.
PEAK_TOLERANCE = 1e-3
# The fast filter divides by a variance that is a small difference of large numbers: where the image
# is flat, float32 leaves A and b with 1e-3 of relative error (the reference itself is as far from
# the same formula in doubles). The errors cancel in A * image + b, which is held to the tolerances
# above in every case.
FAST_TOLERANCE = 5e-3
FAST_PEAK_TOLERANCE = 3e-2

# A network in halfs: features are rounded to 11 bits. Seen: 4.9e-3 at most, 3.7e-2 for the worst single element
# (of the smallest state, which the most layers lead to).
HALF_TOLERANCE = 1e-2
HALF_PEAK_TOLERANCE = 5e-2

DTYPES = {"F32": numpy.float32, "F16": numpy.float16, "U8": numpy.uint8}


def load(path):
    """Tensors and metadata of a .safetensors file."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        body = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        data = numpy.frombuffer(body[start:end], DTYPES[entry["dtype"]])
        tensors[name] = data.reshape(entry["shape"])
    return tensors, metadata


def resize_axis(image, axis, out, step):
    """Bilinear, no antialias: source coordinate (i + 0.5) * step - 0.5, clamped."""
    at = numpy.clip((numpy.arange(out) + 0.5) * step - 0.5, 0, None)
    low = numpy.minimum(numpy.floor(at).astype(int), image.shape[axis] - 1)
    high = numpy.minimum(low + 1, image.shape[axis] - 1)
    weight = (at - low).reshape([-1 if i == axis else 1 for i in range(image.ndim)])
    return image.take(low, axis) * (1 - weight) + image.take(high, axis) * weight


def small(frames, ratio):
    """Frames [N,H,W,3] of bytes as the network's input [N,3,h,w]."""
    image = frames.astype(numpy.float64).transpose(0, 3, 1, 2) / 255
    for axis in (2, 3):
        image = resize_axis(image, axis, int(image.shape[axis] * ratio), 1 / ratio)
    return image.astype(numpy.float32)


def filtered(out):
    """The coefficients applied at stage size: foreground residual and alpha."""
    src = out["src_sm"].astype(numpy.float64)
    image = numpy.concatenate([src, src.mean(1, keepdims=True)], 1)
    return out["A"] * image + out["b"]


def main(model, golden, precision="single"):
    tensors, metadata = load(golden)
    ratio = float(metadata["ratio"])
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    state = {i.name: numpy.zeros(i.shape, numpy.float32) for i in session.get_inputs()}
    names = [output.name for output in session.get_outputs()]
    required = ["A", "b", "r1o", "r2o", "r3o", "r4o", "mat", "hid"]
    if any(name not in names for name in required):
        print(f"outputs are {names}, expected {required}")
        return 1
    failed = False
    compared = 0
    frames = tensors["frames_u8"]
    fast = metadata["refiner"] == "fast_guided_filter"
    for index, frame in enumerate(frames):
        state["src"] = small(frame, ratio)
        out = dict(zip(names, session.run(names, state)))
        out["src_sm"] = state["src"]
        if f"A.{index}" in tensors:
            golden_out = {name: tensors[f"{name.removesuffix('o')}.{index}"] for name in required}
            golden_out["src_sm"] = tensors[f"src_sm.{index}"]
            for side in (out, golden_out):
                side["A*src+b"] = filtered(side)
            for name, expected in golden_out.items():
                got = out[name]
                if got.shape != expected.shape:
                    print(f"frame {index} {name}: shape {got.shape}, expected {expected.shape}")
                    return 1
                delta = got.astype(numpy.float64) - expected
                relative = numpy.linalg.norm(delta) / numpy.linalg.norm(expected.astype(numpy.float64))
                peak = numpy.abs(delta).max() / numpy.abs(expected).max()
                limits = (TOLERANCE, PEAK_TOLERANCE)
                if precision == "half":
                    limits = (HALF_TOLERANCE, HALF_PEAK_TOLERANCE)
                elif fast and name in ("A", "b"):
                    limits = (FAST_TOLERANCE, FAST_PEAK_TOLERANCE)
                good = relative <= limits[0] and peak <= limits[1]
                failed |= not good
                compared += 1
                print(f"frame {index} {name}: relative {relative:.2e} peak {peak:.2e}{'' if good else ' BAD'}")
        for i in range(1, 5):
            state[f"r{i}i"] = out[f"r{i}o"]
    expected = 2 * (len(required) + 2)
    if compared != expected:
        print(f"compared {compared} tensors, expected {expected}")
        return 1
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
