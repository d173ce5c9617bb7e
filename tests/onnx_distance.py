"""Runs an ONNX model that vrpipe wrote and says how far its A and b are from those of another engine.

usage: onnx_distance.py MODEL.onnx FRAMES

FRAMES holds 32-bit floats, frame after frame: src, then A where the model has one, then b, as [n, 4, h, w]. States
are carried over all frames. Prints the largest relative L2 distance of any A or b. Exit code 77: onnxruntime or
numpy is missing.
"""

import sys

try:
    import numpy
    import onnxruntime
except ImportError as error:
    print(error)
    sys.exit(77)


def main(model, frames):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feed = {i.name: numpy.zeros(i.shape, numpy.float32) for i in session.get_inputs()}
    names = [output.name for output in session.get_outputs()]
    rest = numpy.fromfile(frames, numpy.float32)
    worst = 0.0
    while rest.size:
        src = feed["src"]
        feed["src"], rest = rest[: src.size].reshape(src.shape), rest[src.size :]
        out = dict(zip(names, session.run(names, feed)))
        for name in [name for name in ("A", "b") if name in names]:
            n, h, w, c = out[name].shape
            expected, rest = rest[: n * c * h * w].reshape(n, c, h, w), rest[n * c * h * w :]
            delta = out[name].transpose(0, 3, 1, 2).astype(numpy.float64) - expected
            distance = numpy.linalg.norm(delta) / numpy.linalg.norm(expected.astype(numpy.float64))
            worst = max(worst, float(distance))
        feed.update({f"r{i}i": out[f"r{i}o"] for i in range(1, 5)})
    print(worst)


if __name__ == "__main__":
    main(*sys.argv[1:])
