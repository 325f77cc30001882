"""A table of what gpu-check measured: python3 report.py LAYERS OURS.jsonl [CUDNN.jsonl]

For each layer the floor (bytes / bandwidth or FLOPs / peak of the device, whichever takes longer), each of our methods as a
multiple of it, and the best of ours against cuDNN.
"""

import json
import math
import sys


def read(path):
    with open(path) as file:
        return [json.loads(line) for line in file if line.startswith("{")]


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def cell(value, digits=2):
    return "–" if value is None else f"{value:.{digits}f}"


def main():
    with open(sys.argv[1]) as file:
        layers = [(words[0], words[1] == "1") for words in map(str.split, file)]
    ours = read(sys.argv[2])
    peers = read(sys.argv[3]) if len(sys.argv) > 3 else []
    device = next(line for line in ours if "gflops" in line)
    results = {(line["layer"], line["method"]): line for line in ours if "layer" in line}
    times = {(line["layer"], line["method"]): line["ms"] for line in peers}
    methods = ["uks", "ks", "huge2"]
    kinds = ["f32", "tf32", "f16"]

    def cudnn(layer, kind):
        found = [times.get((layer, f"cudnn {kind} {name}")) for name in ("nchw", "nhwc")]
        return min((ms for ms in found if ms), default=None)

    print(f"Device: {device['device']}, {device['gflops']:.0f} GFLOP/s f32 (cores x clock), {device['gbs']:.0f} GB/s (measured copy)")
    print()
    print("| layer | floor ms | bound by | " + " | ".join(f"{m} ms" for m in methods) + " | best ÷ floor | cuDNN f32 ms | cuDNN ÷ ours |")
    print("| --- |" + " ---: |" * (len(methods) + 5))
    ratios = {True: [], False: []}
    for layer, transposed in layers:
        of_layer = [results.get((layer, method)) for method in methods]
        known = next((one for one in of_layer if one), None)
        if known is None:
            continue
        compute = 2 * known["macs"] / device["gflops"] / 1e6
        memory = known["bytes"] / device["gbs"] / 1e6
        floor = max(compute, memory)
        found = [one["ms"] if one and one["ok"] and one["ms"] > 0 else None for one in of_layer]
        best = min((ms for ms in found if ms), default=None)
        peer = cudnn(layer, "f32")
        ratio = peer / best if peer and best else None
        if ratio:
            ratios[transposed].append(ratio)
        row = [layer, cell(floor, 4), "compute" if compute > memory else "memory", *(cell(ms, 4) for ms in found)]
        print("| " + " | ".join([*row, cell(best / floor if best else None), cell(peer, 4), cell(ratio)]) + " |")
    print()
    for name, transposed in (("transposed", True), ("dilated and plain", False)):
        mean = geometric_mean(ratios[transposed])
        print(f"cuDNN f32 ÷ ours, {name} layers, geometric mean: {cell(mean)} over {len(ratios[transposed])} layers")
    for name, baseline in (("GEMM + col2im", "col2im"), ("zero insertion", "zero-insert")):
        faster = []
        for layer, transposed in layers:
            other = results.get((layer, baseline))
            found = [results[(layer, method)]["ms"] for method in methods if (layer, method) in results]
            if transposed and other and other["ms"] > 0 and min(found, default=0) > 0:
                faster.append(other["ms"] / min(found))
        print(f"{name} ÷ ours, transposed layers, geometric mean: {cell(geometric_mean(faster))} over {len(faster)} layers")
    for kind in kinds[1:]:
        pairs = [(cudnn(layer, kind), results.get((layer, f"uks {kind}"))) for layer, _ in layers]
        found = [peer / one["ms"] for peer, one in pairs if peer and one and one["ok"] and one["ms"] > 0]
        print(f"cuDNN {kind} ÷ ours in {kind}, all layers, geometric mean: {cell(geometric_mean(found))} over {len(found)} layers")
    wrong = [key for key, line in results.items() if not line["ok"]]
    print(f"{len(results)} results compared with the definition in double precision, {len(wrong)} wrong{': ' + str(wrong) if wrong else ''}")


main()
