//! Ties [`Matte`] to foreground and alpha recorded from the original implementation.
#![forbid(unsafe_code)]

use half::f16;
use safetensors::SafeTensors;

use super::{Matte, Shade};
use crate::frame::{Rect, Size};
use crate::tensor::{Coefficients, Tensor};

/// The recordings are f16: half a step below 1 is 2^-12, and clamped values lie in `[0, 1]`.
const TOLERANCE: f32 = 2.5e-4 + 2e-5;

fn floats(golden: &SafeTensors, name: &str) -> Tensor {
    let view = golden.tensor(name).unwrap();
    let values = match view.dtype() {
        safetensors::Dtype::F16 => {
            view.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
        }
        _ => view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
    };
    Tensor::from_vec(view.shape().try_into().unwrap(), values)
}

#[test]
fn mattes_agree_with_the_golden_ones() {
    const TEST: &str = "mattes_agree_with_the_golden_ones";
    for (name, last) in [
        ("mobilenetv3_carphone", 3),
        ("mobilenetv3_official_onnx", 1),
        ("mobilenetv3_synthetic", 2),
        ("resnet50_synthetic", 2),
    ] {
        let Some(path) = crate::testing::shared(TEST, &format!("golden/{name}.safetensors")) else { return };
        let bytes = std::fs::read(path).unwrap();
        let golden = SafeTensors::deserialize(&bytes).unwrap();
        let frames = golden.tensor("frames_u8").unwrap();
        for t in [0, last] {
            let maps =
                Coefficients { a: floats(&golden, &format!("A.{t}")), b: floats(&golden, &format!("b.{t}")) };
            let (alpha, colour) =
                (floats(&golden, &format!("pha.{t}")), floats(&golden, &format!("fgr.{t}")));
            let [eyes, _, height, width] = colour.shape;
            let eye = Rect { x: 0, y: 0, size: Size::new(width, height) };
            let matte = Matte::new(&maps, &vec![eye; eyes]).unwrap();
            let mut worst = 0f32;
            let mut row = Default::default();
            for i in 0..eyes * height * width {
                let (n, y, x) = (i / (height * width), i / width % height, i % width);
                if x == 0 {
                    matte.begin_row(&mut row, n, y);
                }
                let at = (t * eyes * height * width + i) * 3;
                let rgb = [0, 1, 2].map(|c| f32::from(frames.data()[at + c]) / 255.0);
                let pixel = matte.shade(&row, x, rgb);
                let place = y * width + x;
                worst = worst.max((pixel.alpha.clamp(0.0, 1.0) - alpha.channel(n, 0)[place]).abs());
                for c in 0..3 {
                    worst = worst.max((pixel.rgb[c] - colour.channel(n, c)[place]).abs());
                }
            }
            assert!(worst <= TOLERANCE, "{name} frame {t}: {worst}");
        }
    }
}
