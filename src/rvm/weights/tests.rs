//! The loaders agree with each other, and wrong files give errors that name what is wrong.
#![forbid(unsafe_code)]

use super::checkpoint::{Checkpoint, RawTensor};
use super::pickle::Pickle;
use super::{Error, Weights, synthetic};
use crate::rvm::onnx::{OnnxOptions, write_onnx};
use crate::rvm::{Refiner, StageSize, Variant, build_graph};
use crate::testing::shared;
use safetensors::{Dtype, serialize, tensor::TensorView};
use std::io::{Cursor, Write};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

fn bytes(tensor: &RawTensor) -> Vec<u8> {
    tensor.data.as_ref().unwrap().iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn safetensors(checkpoint: &Checkpoint) -> Vec<u8> {
    let raw: Vec<_> = checkpoint.tensors.iter().map(|(name, tensor)| (name, tensor, bytes(tensor))).collect();
    let views = raw.iter().map(|(name, tensor, bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).unwrap())
    });
    serialize(views, None).unwrap()
}

/// What `torch.save` writes, as far as it matters, without memo.
fn pth(checkpoint: &Checkpoint) -> Vec<u8> {
    let text = |out: &mut Vec<u8>, text: &str| {
        out.push(b'X');
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    };
    let integer = |out: &mut Vec<u8>, number: usize| {
        out.push(b'J');
        out.extend((number as u32).to_le_bytes());
    };
    let mut pickle = b"\x80\x02}(".to_vec();
    for (index, (name, tensor)) in checkpoint.tensors.iter().enumerate() {
        text(&mut pickle, name);
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut pickle, "storage");
        pickle.extend(b"ctorch\nFloatStorage\n");
        text(&mut pickle, &index.to_string());
        text(&mut pickle, "cpu");
        integer(&mut pickle, tensor.shape.iter().product());
        pickle.extend(b"tQK\0(");
        tensor.shape.iter().for_each(|&extent| integer(&mut pickle, extent));
        pickle.extend(b"t(");
        (0..tensor.shape.len())
            .for_each(|axis| integer(&mut pickle, tensor.shape[axis + 1..].iter().product()));
        pickle.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
    }
    pickle.extend(b"u.");
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("model/data.pkl", stored).unwrap();
    archive.write_all(&pickle).unwrap();
    for (index, tensor) in checkpoint.tensors.values().enumerate() {
        archive.start_file(format!("model/data/{index}"), stored).unwrap();
        archive.write_all(&bytes(tensor)).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn onnx(weights: &Weights) -> Vec<u8> {
    let graph = build_graph(weights, StageSize { height: 32, width: 48 }, false).unwrap();
    write_onnx(&graph, OnnxOptions { batch: 1, inner_outputs: false, ..OnnxOptions::default() })
}

fn message(error: Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Largest difference of corresponding numbers, in shares of the layer's largest.
fn distance(left: &Weights, right: &Weights, prefix: &str) -> f32 {
    let mut worst = 0.0_f32;
    for conv in left.convs().iter().filter(|conv| conv.name.starts_with(prefix)) {
        let other = right.convs().iter().find(|other| other.name == conv.name).unwrap();
        assert_eq!(conv.shape, other.shape);
        for (a, b) in [(&conv.weight, &other.weight), (&conv.bias, &other.bias)] {
            let peak = a.iter().fold(1e-6_f32, |peak, x| peak.max(x.abs()));
            let delta = a.iter().zip(b).fold(0.0_f32, |delta, (x, y)| delta.max((x - y).abs()));
            worst = worst.max(delta / peak);
        }
    }
    worst
}

#[test]
fn every_kind_of_file_gives_the_same_weights() {
    for refiner in [Refiner::Fast, Refiner::Deep] {
        let checkpoint = synthetic::checkpoint(Variant::MobileNetV3, refiner);
        let expected = Weights::synthetic(Variant::MobileNetV3, refiner);
        for file in [safetensors(&checkpoint), pth(&checkpoint), onnx(&expected)] {
            let weights = Weights::from_bytes(&file).unwrap();
            assert_eq!(weights, expected);
            assert_eq!(weights.hash(), expected.hash());
        }
    }
    let fast = Weights::synthetic(Variant::MobileNetV3, Refiner::Fast);
    assert_ne!(fast.hash(), Weights::synthetic(Variant::MobileNetV3, Refiner::Deep).hash());
}

#[test]
fn real_weights_agree_between_pth_and_safetensors_and_onnx() {
    let test = "real_weights_agree_between_pth_and_safetensors_and_onnx";
    let load = |name: &str| shared(test, name).map(|path| Weights::load(&path).unwrap());
    let Some(pth) = load("models/rvm_mobilenetv3.pth") else { return };
    let Some(safetensors) = load("models/rvm_mobilenetv3.safetensors") else { return };
    let Some(onnx) = load("models/rvm_mobilenetv3_dgf_test.onnx") else { return };
    assert_eq!((pth.variant(), pth.refiner()), (Variant::MobileNetV3, Refiner::Fast));
    assert_eq!(pth, safetensors);
    assert_eq!(pth.hash(), safetensors.hash());
    assert_eq!((onnx.variant(), onnx.refiner()), (Variant::MobileNetV3, Refiner::Deep));
    // Backbone, LR-ASPP and decoder are the same; folding by another program rounds otherwise.
    for prefix in ["backbone.", "aspp.", "decoder.", "project_mat."] {
        assert!(distance(&pth, &onnx, prefix) < 1e-6, "{prefix}: {}", distance(&pth, &onnx, prefix));
    }
}

#[test]
fn resnet_shortcuts_out_of_order_are_noticed() {
    // Our own models compute the shortcut before the convolution that adds it, and the two of the
    // first block have one shape: only what they read can tell.
    let weights = Weights::synthetic(Variant::ResNet50, Refiner::Fast);
    let text = message(Weights::from_bytes(&onnx(&weights)).unwrap_err());
    assert!(text.contains("shortcut"), "{text}");
}

#[test]
fn what_is_wrong_is_named() {
    let good = || synthetic::checkpoint(Variant::MobileNetV3, Refiner::Fast);
    let error = |checkpoint: &Checkpoint| message(Weights::from_bytes(&safetensors(checkpoint)).unwrap_err());

    let mut missing = good();
    missing.tensors.remove("decoder.decode2.gru.hh.0.bias");
    assert_eq!(
        error(&missing),
        "tensor decoder.decode2.gru.hh.0.bias [20] of RVM mobilenetv3, fast filter is missing"
    );
    let mut shape = good();
    shape.tensors.get_mut("project_mat.conv.weight").unwrap().shape = vec![16, 4, 1, 1];
    assert_eq!(
        error(&shape),
        "tensor project_mat.conv.weight of RVM mobilenetv3, fast filter must have shape [4, 16, 1, 1], \
         got [16, 4, 1, 1]"
    );
    let mut extra = good();
    let tensor = RawTensor { shape: vec![1], data: Ok(vec![0.0]) };
    extra.tensors.insert("decoder.decode9.weight".to_owned(), tensor.clone());
    assert!(error(&extra).contains("decoder.decode9.weight [1] is not part of"), "{}", error(&extra));
    let mut unused = good();
    unused.tensors.insert("project_seg.conv.weight".to_owned(), tensor.clone());
    unused.tensors.insert("aspp.aspp1.1.num_batches_tracked".to_owned(), tensor.clone());
    assert!(Weights::from_bytes(&safetensors(&unused)).is_ok());
    let mut variance = good();
    variance.tensors.get_mut("aspp.aspp1.1.running_var").unwrap().data.as_mut().unwrap()[7] = -1.0;
    assert!(error(&variance).contains("aspp.aspp1.1.running_var holds -1 at 7"), "{}", error(&variance));
    let mut nan = good();
    nan.tensors.get_mut("project_mat.conv.bias").unwrap().data.as_mut().unwrap()[1] = f32::NAN;
    assert!(error(&nan).contains("project_mat.conv.bias holds NaN at 1"), "{}", error(&nan));
    let other = Checkpoint { tensors: [("model.0.weight".to_owned(), tensor)].into() };
    assert!(error(&other).contains("not weights of RVM"), "{}", error(&other));
    let mut filter = synthetic::checkpoint(Variant::MobileNetV3, Refiner::Deep);
    let ninth = RawTensor { shape: vec![4, 1, 3, 3], data: Ok(vec![1.0 / 9.0; 36]) };
    filter.tensors.insert("refiner.box_filter.weight".to_owned(), ninth);
    assert!(Weights::from_bytes(&safetensors(&filter)).is_ok());
    filter.tensors.get_mut("refiner.box_filter.weight").unwrap().data.as_mut().unwrap()[35] = 0.2;
    assert!(error(&filter).contains("1/9"), "{}", error(&filter));
}

#[test]
fn foreign_files_are_errors() {
    for (file, expected) in [
        (&b""[..], "neither a .pth"),
        (b"version https://git-lfs.github.com/spec/v1\n", "neither a .pth"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "neither a .pth"),
        (b"PK\x03\x04 and no archive", "damaged archive"),
        (b"\x08\x07\x12\xff", "damaged .onnx"),
        (b"\x08\x07", "no operator set"),
        (b"\x08\x07\x42\x02\x10\x0c", "first of 0 convolutions"),
        (b"\x05\0\0\0\0\0\0\0{\"a\":", "damaged .safetensors"),
    ] {
        let text = message(Weights::from_bytes(file).unwrap_err());
        assert!(text.contains(expected), "{text}");
    }
    let text = message(Weights::load("/nonexistent/x.pth".as_ref()).unwrap_err());
    assert!(text.starts_with("weights /nonexistent/x.pth: cannot read the file: "), "{text}");
}

#[test]
fn cut_files_are_errors() {
    let tensor = |n: usize| RawTensor { shape: vec![n], data: Ok(vec![0.5; n]) };
    let small = Checkpoint { tensors: [("a".to_owned(), tensor(2)), ("b".to_owned(), tensor(3))].into() };
    for (file, read) in [
        (pth(&small), super::pth::read as fn(&[u8]) -> Result<Checkpoint, Error>),
        (safetensors(&small), super::tensors::read),
    ] {
        assert_eq!(read(&file).unwrap(), small);
        for end in 0..file.len() {
            assert!(read(&file[..end]).is_err(), "cut at {end}");
        }
        // Changed anywhere: any answer but a panic or a hang.
        for at in 0..file.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = file.clone();
                changed[at] ^= flip;
                _ = read(&changed);
            }
        }
    }
    let model = onnx(&Weights::synthetic(Variant::MobileNetV3, Refiner::Fast));
    let last = model.len() - 64;
    for end in (0..5_000).chain((5_000..last).step_by(200_003)).chain(last..model.len()) {
        assert!(Weights::from_bytes(&model[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn pickles_call_nothing() {
    for (pickle, expected) in [
        (&b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R."[..], "calls os.system"),
        (b"\x80\x02}(K\x01u.", "key without value"),
        (b"h\x05.", "recalls 5"),
        (b"K\x01(tt.", "no mark"),
        (b"(K\x01(0.", "opcode 0x30"),
        (b"K\x01(\x85.", "empty stack"),
        (b"X\xff\xff\xff\xffab", "early"),
        (b"}K\x01b", "early"),
    ] {
        let text = message(Pickle::parse(pickle).unwrap_err());
        assert!(text.contains(expected), "{text}");
    }
}
