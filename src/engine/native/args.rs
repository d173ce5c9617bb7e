//! Mirrors of the argument structs in `kernels/`; both sides assert their sizes.
#![forbid(unsafe_code)]

/// `vrp::ConvArgs` of `kernels/conv.cuh`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ConvArgs {
    pub x: u64,
    pub w: u64,
    pub bias: u64,
    pub residual: u64,
    pub in_scale: u64,
    pub out_scale: u64,
    pub y0: u64,
    pub y1: u64,
    pub state: u64,
    pub z: u64,
    pub partial: u64,
    pub counters: u64,
    pub next_w: u64,
    pub next_bytes: i64,
    pub x_pitch: i32,
    pub y0_pitch: i32,
    pub y1_pitch: i32,
    pub residual_pitch: i32,
    pub split_channel: i32,
    pub gru_channels: i32,
    pub in_h: i32,
    pub in_w: i32,
    pub out_h: i32,
    pub out_w: i32,
    pub cin: i32,
    pub cout: i32,
    pub k_total: i32,
    pub k_padded: i32,
    pub kernel: i32,
    pub stride: i32,
    pub pad: i32,
    pub dilation: i32,
    pub act: i32,
    pub mode: i32,
    pub splits: i32,
    pub images: i32,
}

/// `vrp::DepthwiseArgs` of `kernels/depthwise.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct DepthwiseArgs {
    pub x: u64,
    pub w: u64,
    pub bias: u64,
    pub y: u64,
    pub x_pitch: i32,
    pub y_pitch: i32,
    pub channels: i32,
    pub images: i32,
    pub in_h: i32,
    pub in_w: i32,
    pub out_h: i32,
    pub out_w: i32,
    pub pad: i32,
    pub act: i32,
}

/// `vrp::SumsArgs` of `kernels/gate.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct SumsArgs {
    pub x: u64,
    pub y: u64,
    pub x_pitch: i32,
    pub channels: i32,
    pub pixels: i32,
    pub parts: i32,
}

/// `vrp::GateArgs` of `kernels/gate.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct GateArgs {
    pub x: u64,
    pub w: u64,
    pub bias: u64,
    pub y: u64,
    pub y_half: u64,
    pub inputs: i32,
    pub outputs: i32,
    pub parts: i32,
    pub y_pitch: i32,
    pub scale: f32,
    pub act: i32,
}

/// `vrp::ResizeArgs` of `kernels/resize.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ResizeArgs {
    pub x: u64,
    pub y: u64,
    pub x_pitch: i32,
    pub y_pitch: i32,
    pub channels: i32,
    pub images: i32,
    pub in_h: i32,
    pub in_w: i32,
    pub out_h: i32,
    pub out_w: i32,
}

/// `vrp::EntryArgs` of `kernels/resize.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct EntryArgs {
    pub src: u64,
    pub guide: u64,
    pub stem: u64,
    pub half: u64,
    pub quarter: u64,
    pub eighth: u64,
    pub half_pitch: i32,
    pub quarter_pitch: i32,
    pub eighth_pitch: i32,
    pub h: i32,
    pub w: i32,
}

/// `vrp::TailArgs` of `kernels/tail.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct TailArgs {
    pub x: u64,
    pub guide: u64,
    pub hid: u64,
    pub mat: u64,
    pub w: u64,
    pub bias: u64,
    pub x_pitch: i32,
    pub hid_pitch: i32,
    pub in_h: i32,
    pub in_w: i32,
    pub h: i32,
    pub w_px: i32,
}

/// Floats of the deep filter: `DEEP_WEIGHTS` of `kernels/guided.cu`.
pub const DEEP_WEIGHTS: usize = 16 * 24 + 16 + 16 * 16 + 16 + 4 * 16 + 4;

/// `vrp::GuidedArgs` of `kernels/guided.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct GuidedArgs {
    pub hid: u64,
    pub guide: u64,
    pub mat: u64,
    pub a: u64,
    pub b: u64,
    pub hid_pitch: i32,
    pub images: i32,
    pub h: i32,
    pub w: i32,
    pub deep: i32,
    pub eps: f32,
    pub weights: [f32; DEEP_WEIGHTS],
}

const _: () = {
    assert!(size_of::<ConvArgs>() == 200);
    assert!(size_of::<DepthwiseArgs>() == 72);
    assert!(size_of::<SumsArgs>() == 32);
    assert!(size_of::<GateArgs>() == 64);
    assert!(size_of::<ResizeArgs>() == 48);
    assert!(size_of::<EntryArgs>() == 72);
    assert!(size_of::<TailArgs>() == 72);
    // Kernel parameters may take 4 KiB.
    assert!(size_of::<GuidedArgs>() == 64 + 4 * DEEP_WEIGHTS);
};
