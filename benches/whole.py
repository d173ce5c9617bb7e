"""Whole runs of vrpipe on copies of one clip, with the load of the machine; one JSON object a run.

    python3 benches/whole.py native|libvpx|two VRPIPE CLIP_sbs.mp4 MODELS OUT [COPIES]

`native`: our own encoder, COPIES (6) with as many lanes as `vrpipe` finds right; with 3 lanes on one copy; then one copy whose
run is killed five times with SIGKILL and goes on to its end; at last libvpx on a third of the copies, for the ratio. `libvpx`:
8 lanes, then 16, four copies each; 4 lanes on one copy; killed. `two`: one GPU with the first half of the cores and COPIES,
then all GPUs and all cores with twice as many. MODELS is a folder with weights; reports and logs go to OUT. Segments of 4 s, so
that lanes are busy to the end with short clips. `sums` are the first half of the outputs' SHA-256: all of one encoder must be
the same.
"""

import glob
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PLAN, PROGRAM, CLIP, MODELS, OUT = sys.argv[1:6]
COPIES = int(sys.argv[6]) if len(sys.argv) > 6 else 6
WORK = tempfile.mkdtemp()
ENVIRONMENT = dict(os.environ, VRPIPE_MODELS=MODELS)
GPU_FIELDS = "utilization.gpu,utilization.decoder,memory.used"


def command(inputs, out, *options):
    return [PROGRAM, "run", inputs, "--out-dir", out, "--quality", "fast", "--progress", "plain", "--segment", "4", *options]


def copies(count):
    folder = tempfile.mkdtemp(dir=WORK)
    for number in range(count):
        shutil.copy(CLIP, f"{folder}/{number:02}_sbs.mp4")
    return folder


def cpu_times():
    fields = [int(field) for field in open("/proc/stat").readline().split()[1:]]
    return sum(fields[:8]), fields[3] + fields[4]


def gpus():
    query = ["nvidia-smi", f"--query-gpu={GPU_FIELDS}", "--format=csv,noheader,nounits"]
    lines = subprocess.run(query, capture_output=True, text=True).stdout.splitlines()
    return [[float(field) for field in line.split(",")] for line in lines]


def resident_mib(pid):
    try:
        status = open(f"/proc/{pid}/status").read()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0)


def sums(out):
    files = sorted(glob.glob(out + "/*.webm"))
    return {os.path.basename(f): hashlib.sha256(open(f, "rb").read()).hexdigest()[:32] for f in files}


def run(name, count, options=(), prefix=()):
    inputs, out, report = copies(count), tempfile.mkdtemp(dir=WORK), f"{OUT}/{name}.report.json"
    words = [*prefix, *command(inputs, out, *options, "--report", report)]
    cpu, gpu, resident = [], [], [0]
    before, start = cpu_times(), time.time()
    with open(f"{OUT}/{name}.log", "w") as log:
        process = subprocess.Popen(words, env=ENVIRONMENT, stdout=log, stderr=log)
        while process.poll() is None:
            time.sleep(1)
            now = cpu_times()
            cpu.append(100 * (1 - (now[1] - before[1]) / max(1, now[0] - before[0])))
            before = now
            gpu.append(gpus())
            resident.append(resident_mib(process.pid))
    seconds = time.time() - start
    whole = json.load(open(report))
    frames = sum(file["frames"] for file in whole["files"])
    column = lambda device, field: [sample[device][field] for sample in gpu]
    row = {
        "name": name,
        "options": list(options),
        "files": count,
        "exit_code": process.returncode,
        "seconds": round(seconds, 1),
        "frames": frames,
        "fps": round(frames / seconds, 2),
        "lanes": whole["lanes"],
        "cpu_percent_mean": round(sum(cpu) / len(cpu), 1),
        "gpu_percent_mean": [round(sum(column(d, 0)) / len(gpu), 1) for d in range(len(gpu[0]))],
        "decoder_percent_mean": [round(sum(column(d, 1)) / len(gpu), 1) for d in range(len(gpu[0]))],
        "gpu_memory_mib_max": [max(column(d, 2)) for d in range(len(gpu[0]))],
        "resident_mib_max": max(resident),
        "limits": [file["limit"] for file in whole["files"]],
        "sums": sums(out),
    }
    print(json.dumps(row), flush=True)


def killed(times, longest):
    inputs, out, kills = copies(1), tempfile.mkdtemp(dir=WORK), 0
    moments = random.Random(7)
    with open(f"{OUT}/killed.log", "w") as log:
        for _ in range(times):
            process = subprocess.Popen(command(inputs, out), env=ENVIRONMENT, stdout=log, stderr=log)
            try:
                process.wait(timeout=moments.uniform(longest / 3, longest))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
        code = subprocess.run(command(inputs, out), env=ENVIRONMENT, stdout=log, stderr=log).returncode
    print(json.dumps({"name": "killed", "kills": kills, "exit_code": code, "sums": sums(out)}), flush=True)


if PLAN == "native":
    run("native", COPIES, ["--encoder", "native"])
    run("native_3_lanes", 1, ["--encoder", "native", "--lanes", "3"])
    killed(5, 3)
    run("libvpx", max(1, COPIES // 3), ["--encoder", "libvpx"])
elif PLAN == "libvpx":
    run("lanes_8", 4, ["--encoder", "libvpx", "--lanes", "8"])
    run("lanes_16", 4, ["--encoder", "libvpx", "--lanes", "16"])
    run("lanes_4", 1, ["--encoder", "libvpx", "--lanes", "4"])
    killed(5, 9)
else:
    half = f"0-{os.cpu_count() // 2 - 1}"
    run("one_gpu_half_the_cores", COPIES, ["--device", "cuda:0"], ["taskset", "-c", half])
    run("all_gpus", 2 * COPIES)
shutil.rmtree(WORK)
