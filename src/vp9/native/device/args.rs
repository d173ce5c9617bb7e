//! The structs of `kernels/vp9_args.cuh`, byte for byte.
#![forbid(unsafe_code)]

use super::super::pixels::Tuning;

/// `vrp::vp9::Picture9`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct PictureArgs {
    pub planes: [u64; 3],
    pub coarse: u64,
}

/// `vrp::vp9::Stream9`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct StreamArgs {
    pub tuning: Tuning,
    pub planes: i32,
    pub source_pitch: [i32; 3],
    pub level_capacity: u32,
    pub source: [u64; 3],
    pub before: PictureArgs,
    pub after: PictureArgs,
    pub found: u64,
    pub motions_before: u64,
    pub motions_after: u64,
    pub changed_before: u64,
    pub changed_after: u64,
    pub counts: u64,
    pub index: u64,
    pub blocks: u64,
    pub levels: u64,
}
const _: () = assert!(size_of::<StreamArgs>() == 240);

/// `vrp::vp9::Args9`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Args {
    pub streams: [StreamArgs; 2],
    pub activity: u64,
    pub active_before: u64,
    pub items: u64,
    pub queue: u64,
    pub scans: u64,
    pub taps: u64,
    pub activity_pitch: i32,
    pub width: i32,
    pub height: i32,
    pub pitch: i32,
    pub chroma_pitch: i32,
    pub coarse_pitch: i32,
    pub key: i32,
    pub unused: i32,
}
const _: () = assert!(size_of::<Args>() == 560);

/// `Reset9`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ResetArgs {
    pub to: u64,
    pub groups: u64,
    pub value: u32,
    pub unused: u32,
}
const _: () = assert!(size_of::<ResetArgs>() == 24);
