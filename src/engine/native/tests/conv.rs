//! The dense convolution against the textbook's, in every tile shape, mode and fusion.

use half::f16;
use proptest::prelude::*;

use super::super::launch::Kernels;
use super::super::pack;
use super::super::plan::{ConvMode, ConvStep, Geometry, Packed, Step, UNIT_K};
use super::super::tile::{self, TILES};
use super::bed::*;
use crate::engine::cpu::reference::{Window, activate, conv};
use crate::rvm::graph::{Activation, ConvWeights};
use crate::tensor::Tensor;

/// Share of the sum of all terms' sizes that 32-bit sums of a thousand terms may be off: tensor cores cut what
/// they add below 2^-23 of the largest, and a missing term would be 2^-12 of it.
const SUM_TOLERANCE: f32 = 1.0 / 16384.0;

/// The largest half, at which results are cut.
const HALF_MAX: f32 = 65504.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Plain,
    Split,
    Gates,
    State,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    eyes: usize,
    size: [usize; 2],
    /// Groups of eight channels, in and out.
    groups: [usize; 2],
    /// Input channels that are not padding: the others have no weights.
    live: usize,
    kernel: usize,
    stride: usize,
    pad: usize,
    dilation: usize,
    act: Activation,
    mode: Mode,
    residual: bool,
    scaled: bool,
    values: Values,
    rooms: [Room; 4],
    seed: u64,
}

const ACTIVATIONS: [Activation; 6] = [
    Activation::None,
    Activation::Relu,
    Activation::HardSwish,
    Activation::HardSigmoid,
    Activation::Sigmoid,
    Activation::Tanh,
];

prop_compose! {
    fn rooms()(ahead in [0usize..3, 0..3, 0..3, 0..3], behind in [0usize..3, 0..3, 0..3, 0..3]) -> [Room; 4] {
        [0, 1, 2, 3].map(|i| Room(ahead[i], behind[i]))
    }
}

prop_compose! {
    fn cases_of_all_kinds()(
        (eyes, h, w) in (1usize..3, 1usize..16, 1usize..24),
        groups in prop_oneof![[1usize..4, 1..18], [1usize..13, 1..4], [11usize..14, 1..9]],
        kernel in prop::sample::select(vec![1usize, 1, 3, 3, 5]), stride in 1usize..3, dilation in 1usize..4,
        pad in 0usize..5, act in 0usize..6, residual in any::<bool>(), scaled in any::<bool>(),
        mode in prop::sample::select(vec![Mode::Plain, Mode::Plain, Mode::Split, Mode::Gates, Mode::State]),
        values in prop::sample::select(VALUES.to_vec()), rooms in rooms(), seed in any::<u64>(),
    ) -> Case {
        let reach = dilation * (kernel - 1);
        let pad = if pad > 2 { reach / 2 } else { pad.min(reach) };
        let least = |n: usize| n.max((reach + 1).saturating_sub(2 * pad));
        let gru = matches!(mode, Mode::Gates | Mode::State);
        let groups = if gru { [groups[0], groups[1].next_multiple_of(2)] } else { groups };
        Case {
            eyes, size: [least(h), least(w)], groups, live: groups[0] * 8, kernel, stride, pad, dilation, mode,
            act: match mode { Mode::Gates => Activation::Sigmoid, Mode::State => Activation::Tanh, _ => ACTIVATIONS[act] },
            residual: residual && !gru, scaled: scaled && !gru, values, rooms, seed,
        }
    }
}

prop_compose! {
    /// First layers.
    fn stems()(
        case in cases_of_all_kinds(), (h, w) in (1usize..70, 1usize..80), kernel in prop::sample::select(vec![3usize, 7]),
        live in 1usize..5, out in 1usize..10,
    ) -> Case {
        let gru = matches!(case.mode, Mode::Gates | Mode::State);
        let out = if gru { out.next_multiple_of(2) } else { out };
        Case { size: [h, w], groups: [1, out], live, kernel, stride: 2, pad: kernel / 2, dilation: 1, ..case }
    }
}

fn weights(shape: [usize; 4], scale: f32, seed: u64) -> ConvWeights {
    let [out, within, kernel, _] = shape;
    let scale = scale * 6.0 / ((within * kernel * kernel) as f32).sqrt();
    let weight = tensor(shape, Values::Random, scale, seed).data;
    let bias = tensor([1, out, 1, 1], Values::Random, 1.0, seed ^ 1).data;
    ConvWeights { name: String::new(), shape, weight, bias }
}

fn absolute(tensor: &Tensor) -> Tensor {
    Tensor::from_vec(tensor.shape, tensor.data.iter().map(|value| value.abs()).collect())
}

fn check(case: Case) {
    let Case { eyes, size, kernel, stride, pad, dilation, act, mode, rooms, seed, .. } = case;
    let [cin, cout] = case.groups.map(|groups| groups * 8);
    let large = if matches!(mode, Mode::Plain | Mode::Split) { HALF_MAX } else { 4.0 };
    let scale = if case.values == Values::Random { 8.0 } else { large };
    let x = tensor([eyes, cin, size[0], size[1]], case.values, scale, seed);
    let mut layer = weights([cout, cin, kernel, kernel], 1.0, seed ^ 2);
    for (at, weight) in layer.weight.iter_mut().enumerate() {
        if at / (kernel * kernel) % cin >= case.live {
            *weight = 0.0;
        }
    }
    let window = Window { stride, pad, dilation, groups: 1 };
    let in_scale =
        (kernel == 1 && case.scaled).then(|| tensor([eyes, cin, 1, 1], Values::Random, 2.0, seed ^ 3));
    let mut seen = x.clone();
    if let Some(scale) = &in_scale {
        let pixels = size[0] * size[1];
        for (at, value) in seen.data.iter_mut().enumerate() {
            // Products are rounded to halfs; what is beyond them is not asked for.
            *value = f16::from_f32(*value * scale.data[at / pixels]).to_f32();
        }
        if !seen.data.iter().all(|value| value.is_finite()) {
            return;
        }
    }
    let sums = conv(&seen, &layer, window, None, Activation::None);
    let shape @ [_, _, out_h, out_w] = sums.shape;
    let residual = case.residual.then(|| tensor(shape, Values::Random, 4.0, seed ^ 4));
    let out_scale =
        (case.scaled && kernel > 1).then(|| tensor([eyes, cout, 1, 1], Values::Random, 2.0, seed ^ 5));
    let mut sizes_layer = layer.clone();
    sizes_layer.weight.iter_mut().chain(&mut sizes_layer.bias).for_each(|value| *value = value.abs());
    let sizes = conv(&absolute(&seen), &sizes_layer, window, None, Activation::None);

    let mut bed = Bed::new(eyes);
    let channels = |n| pack::padded(0, n);
    let Packed { weight, bias, .. } = pack::dense(&layer, &channels(cin), &channels(cout), None);
    let weights = [(bed.halfs(&weight), bed.floats(&bias))];
    let from = bed.map(&x, rooms[0]);
    let added = residual.as_ref().map(|residual| bed.map(residual, rooms[1]));
    let k_padded = (kernel * kernel * cin).next_multiple_of(UNIT_K);
    let in_scale = in_scale.map(|scale| {
        let rows = scale
            .data
            .chunks(cin)
            .flat_map(|row| (0..k_padded).map(|k| f16::from_f32(row.get(k).copied().unwrap_or(0.0))));
        bed.halfs(&rows.collect::<Vec<_>>())
    });
    let out_scales = out_scale.as_ref().map(|scale| bed.floats(&scale.data));
    let half = cout / 2;
    let split = if mode == Mode::Split { (1 + seed as usize % case.groups[1]) * 8 } else { cout };
    let written = if mode == Mode::Gates { half } else { cout };
    let first = if mode == Mode::Split { split } else { written };
    let y = bed.slice_out([eyes, first, out_h, out_w], rooms[2]);
    let second = if split < cout { bed.slice_out([eyes, cout - split, out_h, out_w], rooms[3]) } else { y };
    let state_shape = [eyes, written, out_h, out_w];
    let old = tensor(state_shape, Values::Random, 6.0, seed ^ 6);
    let gate = tensor(state_shape, Values::Random, 3.0, seed ^ 7);
    let (state, z) = match mode {
        Mode::State => (bed.changing(&interleaved(&old)), bed.floats(&interleaved(&gate))),
        _ => (bed.floats(&interleaved(&old)), bed.output(eyes * written * out_h * out_w * 4)),
    };
    let step = ConvStep {
        x: from,
        y,
        residual: added,
        in_scale,
        out_scale: out_scales,
        cin,
        live: case.live,
        cout,
        geometry: Geometry { input: size, output: [out_h, out_w], kernel, stride, pad, dilation },
        act,
        mode: match mode {
            Mode::Plain | Mode::Split => ConvMode::Plain { split, second },
            Mode::Gates => ConvMode::Gates { state, z },
            Mode::State => ConvMode::State { state, z },
        },
        weights: 0,
    };
    let (floats, counters) = tile::partial_room(&step, eyes);
    // Counters must be zeros again.
    let partial = (bed.output(4 * floats.max(1)), bed.floats(&vec![0.0; counters.max(1)]));

    // What each sum becomes, and how far it may be off.
    let finish = |at: usize, sum: f32| {
        let sum = activate(act, sum + residual.as_ref().map_or(0.0, |r| r.data[at]));
        let scaled = sum * out_scale.as_ref().map_or(1.0, |scale| scale.data[at / (out_h * out_w)]);
        scaled.clamp(-HALF_MAX, HALF_MAX)
    };
    let off = |at: usize| {
        let factor = out_scale.as_ref().map_or(1.0, |scale| scale.data[at / (out_h * out_w)].abs());
        // No activation is steeper than 3/2; the fast exponential is good for six digits.
        1.5 * factor * SUM_TOLERANCE * (sizes.data[at] + 4.0) + 2e-6
    };
    let of = |n: usize, c: usize, at: usize| (n * cout + c) * out_h * out_w + at;
    let per_image = written * out_h * out_w;
    let mut before: [Option<Vec<f32>>; 5] = [const { None }; 5];
    let able = (0..TILES.len()).filter(|&index| TILES[index].can(&step));
    for index in able.filter(|&index| Kernels::has_tile(kernels(), index)) {
        let name = format!("{} {case:?}", TILES[index].name);
        let ran = bed.run(&Step::Conv(step.clone()), index, &weights, partial);
        let mut all = Vec::new();
        match mode {
            Mode::Plain | Mode::Split => {
                let mut parts = vec![(0, ran.map(y, [eyes, first, out_h, out_w]))];
                if split < cout {
                    parts.push((split, ran.map(second, [eyes, cout - split, out_h, out_w])));
                }
                for (from, part) in parts {
                    for (n, c) in (0..eyes).flat_map(|n| (0..part.shape[1]).map(move |c| (n, c))) {
                        let base = of(n, from + c, 0);
                        let want: Vec<f32> =
                            (0..out_h * out_w).map(|at| finish(base + at, sums.data[base + at])).collect();
                        compare(&name, part.channel(n, c), &want, |at| off(base + at) + half_step(want[at]));
                    }
                    all.extend(part.data);
                }
            }
            Mode::Gates => {
                let (got, z) = (ran.map(y, state_shape), planar(&ran.floats(z), state_shape));
                let index = |at: usize, upper| {
                    let (n, rest) = (at / per_image, at % per_image);
                    of(n, rest / (out_h * out_w) + upper, rest % (out_h * out_w))
                };
                let want: Vec<f32> = (0..got.data.len())
                    .map(|at| finish(index(at, 0), sums.data[index(at, 0)]) * old.data[at])
                    .collect();
                compare(&name, &got.data, &want, |at| {
                    off(index(at, 0)) * old.data[at].abs() + half_step(want[at])
                });
                let want: Vec<f32> =
                    (0..z.data.len()).map(|at| finish(index(at, half), sums.data[index(at, half)])).collect();
                compare(&name, &z.data, &want, |at| off(index(at, half)));
                all.extend(got.data.into_iter().chain(z.data));
            }
            Mode::State => {
                let (copy, new) = (ran.map(y, state_shape), planar(&ran.floats(state), state_shape));
                let mixed = |at: usize| {
                    let (z, h) = (gate.data[at], old.data[at]);
                    (1.0 - z) * h + z * finish(at, sums.data[at])
                };
                let want: Vec<f32> = (0..new.data.len()).map(mixed).collect();
                compare(&name, &new.data, &want, |at| {
                    off(at) * gate.data[at].abs() + 2e-6 * (1.0 + want[at].abs())
                });
                // The copy is the state itself, rounded once.
                compare(&name, &copy.data, &new.data, |at| half_step(new.data[at]));
                all.extend(copy.data.into_iter().chain(new.data));
            }
        }
        let first = before[TILES[index].kind as usize].get_or_insert_with(|| all.clone());
        assert!(*first == all, "{name}: the tile shape changes bits");
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn convolutions_agree_with_the_textbook(case in cases_of_all_kinds()) {
        check(case);
    }

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn first_layers_agree_with_the_textbook(case in stems()) {
        check(case);
    }
}

/// The cases that the strategy must be able to reach: long sums, in parts too, more pixels and channels than a block has.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_divided_sum_beyond_one_block() {
    let cases =
        [([13, 11], [13, 17], 3), ([1, 1], [24, 1], 3), ([16, 9], [20, 3], 5), ([16, 9], [100, 3], 1)];
    for (size, groups, kernel) in cases {
        for (mode, act) in [
            (Mode::Plain, Activation::None),
            (Mode::Gates, Activation::Sigmoid),
            (Mode::State, Activation::Tanh),
        ] {
            let groups = if mode == Mode::Gates { [groups[0], groups[1] + 1] } else { groups };
            check(Case {
                eyes: 2,
                size,
                groups,
                live: groups[0] * 8,
                kernel,
                stride: 1,
                pad: kernel / 2,
                dilation: 1,
                act,
                mode,
                residual: false,
                scaled: false,
                values: Values::Random,
                rooms: [Room(1, 2); 4],
                seed: 11,
            });
        }
    }
}
