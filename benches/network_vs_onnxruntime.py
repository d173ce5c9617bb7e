#!/usr/bin/env python3
"""Times the CPU engine and onnxruntime on the same ONNX model, in turns, in one run.

usage: network_vs_onnxruntime.py NETWORK_STEPS [--rounds N] [--threads N] [--out FILE.json]

NETWORK_STEPS is the built benchmark program `network_steps` (see that file; the shell script of
the same name as this one builds it). It writes each model, which onnxruntime then loads. The two
take turns, one step each, so that whatever else the machine does hits both alike.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import onnxruntime

CASES = [
    ("mobilenetv3", 288, 352),
    ("mobilenetv3", 512, 512),
    ("resnet50", 288, 352),
    ("resnet50", 512, 512),
]
EYES = 2


def session_for(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def measure(program, case, rounds, threads):
    variant, height, width = case
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model.onnx")
        command = [program, variant, str(height), str(width), str(EYES), str(threads), model]
        ours = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert ours.stdout.readline().strip() == "ready", "network_steps did not start"
        session = session_for(model, threads)
        shape = (EYES, 3, height, width)
        src = ((numpy.arange(numpy.prod(shape)) * 7919 % 251) / 250).astype(numpy.float32).reshape(shape)
        feed = {i.name: numpy.zeros(i.shape, numpy.float32) for i in session.get_inputs()}
        feed["src"] = src
        names = [output.name for output in session.get_outputs()]

        def step_ours():
            ours.stdin.write("\n")
            ours.stdin.flush()
            return float(ours.stdout.readline())

        def step_theirs():
            start = time.perf_counter()
            results = dict(zip(names, session.run(None, feed)))
            took = (time.perf_counter() - start) * 1e3
            feed.update({f"r{i}i": results[f"r{i}o"] for i in range(1, 5)})
            return took

        times = {"vrpipe": [], "onnxruntime": []}
        for at in range(rounds + 2):
            for name, step in (("vrpipe", step_ours), ("onnxruntime", step_theirs)):
                took = step()
                # Threads of both spin for a moment after their work: keep that out of the other's time.
                time.sleep(0.15)
                if at >= 2:
                    times[name].append(took)
        ours.stdin.close()
        ours.wait()
    result = {"variant": variant, "height": height, "width": width, "eyes": EYES, "threads": threads}
    for name, values in times.items():
        result[f"{name}_ms"] = {"median": statistics.median(values), "best": min(values), "all": values}
    pairs = [a / b for a, b in zip(times["vrpipe"], times["onnxruntime"])]
    result["ratio"] = {
        "median_of_pairs": statistics.median(pairs),
        "of_best": min(times["vrpipe"]) / min(times["onnxruntime"]),
    }
    return result


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return "unknown"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="a variant")
    parser.add_argument("--out")
    args = parser.parse_args()
    results = []
    for case in CASES:
        if args.only in (None, case[0]):
            results.append(measure(args.program, case, args.rounds, args.threads))
            r = results[-1]
            print(
                f"{case[0]:12} {EYES}x{case[1]}x{case[2]}: vrpipe {r['vrpipe_ms']['median']:.1f} ms "
                f"(best {r['vrpipe_ms']['best']:.1f}), onnxruntime {r['onnxruntime_ms']['median']:.1f} ms "
                f"(best {r['onnxruntime_ms']['best']:.1f}): ratio {r['ratio']['median_of_pairs']:.2f} "
                f"(of best {r['ratio']['of_best']:.2f})",
                flush=True,
            )
    report = {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "onnxruntime": onnxruntime.__version__,
        "python": sys.version.split()[0],
        "results": results,
    }
    if args.out:
        os.makedirs(os.path.dirname(args.out) or ".", exist_ok=True)
        with open(args.out, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
