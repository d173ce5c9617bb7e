#!/usr/bin/env python3
"""PyTorch's time for one step of RVM at 2 x 3 x 512 x 512: fp16, channels last, under a CUDA graph.

The yardstick for the native engine: the same network (backbone, LR-ASPP, recurrent decoder, deep guided
filter up to A and b) in plain torch, random weights, norms folded away, cudnn.benchmark on. Needs torch and
torchvision. Prints one JSON object; times as in benches/gpu.rs, median of nine batches of fifty.
"""

import json
import statistics
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import mobilenet_v3_large, resnet50


def fuse(module):
    """Folds batch norms into the convolutions before them."""
    for name, child in list(module.named_children()):
        fuse(child)
    items = list(module.named_children())
    for (name_a, a), (name_b, b) in zip(items, items[1:]):
        if isinstance(a, nn.Conv2d) and isinstance(b, nn.BatchNorm2d):
            setattr(module, name_a, torch.nn.utils.fuse_conv_bn_eval(a, b))
            setattr(module, name_b, nn.Identity())
    return module


class MobileNet(nn.Module):
    channels = [16, 24, 40, 960]

    def __init__(self):
        super().__init__()
        self.features = mobilenet_v3_large(dilated=True).features
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, x):
        x = (x - self.mean) / self.std
        outs = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in (1, 3, 6, 16):
                outs.append(x)
        return outs


class ResNet(nn.Module):
    channels = [64, 256, 512, 2048]

    def __init__(self):
        super().__init__()
        self.net = resnet50(replace_stride_with_dilation=[False, False, True])

    def forward(self, x):
        n = self.net
        f1 = n.relu(n.bn1(n.conv1(x)))
        f2 = n.layer1(n.maxpool(f1))
        f3 = n.layer2(f2)
        return f1, f2, f3, n.layer4(n.layer3(f3))


class Gru(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.ih = nn.Conv2d(2 * c, 2 * c, 3, padding=1)
        self.hh = nn.Conv2d(2 * c, c, 3, padding=1)

    def forward(self, x, h):
        r, z = torch.sigmoid(self.ih(torch.cat([x, h], 1))).split(self.c, 1)
        c = torch.tanh(self.hh(torch.cat([x, r * h], 1)))
        return (1 - z) * h + z * c


class Level(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1)
        self.gru = Gru(cout // 2)

    def forward(self, x, f, s, h):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)[:, :, : s.shape[2], : s.shape[3]]
        x = F.relu(self.conv(torch.cat([x, f, s], 1)), inplace=True)
        a, b = x.chunk(2, 1)
        h = self.gru(b, h)
        return torch.cat([a, h], 1), h


class Rvm(nn.Module):
    def __init__(self, variant):
        super().__init__()
        self.backbone = fuse((MobileNet if variant == "mobilenetv3" else ResNet)().eval())
        aspp, d = (128, [80, 40, 32]) if variant == "mobilenetv3" else (256, [128, 64, 32])
        c1, c2, c3, c4 = self.backbone.channels
        self.states = [d[2] // 2, d[1] // 2, d[0] // 2, aspp // 2]
        self.aspp1, self.aspp2 = nn.Conv2d(c4, aspp, 1), nn.Conv2d(c4, aspp, 1, bias=False)
        self.gru4 = Gru(aspp // 2)
        self.level3 = Level(aspp + c3 + 3, d[0])
        self.level2 = Level(d[0] + c2 + 3, d[1])
        self.level1 = Level(d[1] + c1 + 3, d[2])
        self.conv0a, self.conv0b = nn.Conv2d(d[2] + 3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.mat = nn.Conv2d(16, 4, 1)
        self.refine = nn.Sequential(nn.Conv2d(24, 16, 1), nn.ReLU(True), nn.Conv2d(16, 16, 1), nn.ReLU(True), nn.Conv2d(16, 4, 1))

    def forward(self, src, r1, r2, r3, r4):
        f1, f2, f3, f4 = self.backbone(src)
        s1 = F.avg_pool2d(src, 2, 2, ceil_mode=True, count_include_pad=False)
        s2 = F.avg_pool2d(s1, 2, 2, ceil_mode=True, count_include_pad=False)
        s3 = F.avg_pool2d(s2, 2, 2, ceil_mode=True, count_include_pad=False)
        x = F.relu(self.aspp1(f4)) * torch.sigmoid(self.aspp2(f4.mean((2, 3), keepdim=True)))
        a, b = x.chunk(2, 1)
        r4 = self.gru4(b, r4)
        x, r3 = self.level3(torch.cat([a, r4], 1), f3, s3, r3)
        x, r2 = self.level2(x, f2, s2, r2)
        x, r1 = self.level1(x, f1, s1, r1)
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        hid = F.relu(self.conv0b(F.relu(self.conv0a(torch.cat([x, src], 1)), inplace=True)), inplace=True)
        mat = self.mat(hid)
        x = torch.cat([src, src.mean(1, keepdim=True)], 1)
        box = lambda t: F.avg_pool2d(t, 3, 1, 1)
        mx, my = box(x), box(mat)
        cov, var = box(x * mat) - mx * my, box(x * x) - mx * mx
        big_a = self.refine(torch.cat([cov, var, hid], 1))
        return big_a, my - big_a * mx, r1, r2, r3, r4


@torch.inference_mode()
def measure(variant, side=512, eyes=2):
    torch.manual_seed(1)
    net = Rvm(variant).eval().cuda().half().to(memory_format=torch.channels_last)
    last = dict(device="cuda", dtype=torch.half)
    src = torch.rand(eyes, 3, side, side, **last).to(memory_format=torch.channels_last)
    states = [
        torch.zeros(eyes, c, side >> (i + 1), side >> (i + 1), **last).to(memory_format=torch.channels_last)
        for i, c in enumerate(net.states)
    ]
    side_stream = torch.cuda.Stream()
    side_stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side_stream):
        for _ in range(5):
            net(src, *states)
    torch.cuda.current_stream().wait_stream(side_stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = net(src, *states)
        for state, new in zip(states, out[2:]):
            state.copy_(new)
    for _ in range(20):
        graph.replay()
    times = []
    for _ in range(9):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(50):
            graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / 50)
    assert all(bool(t.isfinite().all()) for t in out)
    return {"ms": statistics.median(times), "ms_min": min(times), "ms_max": max(times)}


if __name__ == "__main__":
    torch.backends.cudnn.benchmark = True
    report = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    for variant in sys.argv[1:] or ["mobilenetv3", "resnet50"]:
        report[variant] = measure(variant)
    print(json.dumps(report, indent=2))
