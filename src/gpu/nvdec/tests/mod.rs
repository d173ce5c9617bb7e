//! Tests of NVDEC decoding. Those that need a device need the clips of `tests/nvdec/make_clips.sh`, too,
//! in the folder that `$VRP_NVDEC_CLIPS` names.

mod exact;
mod faults;
mod layout;
mod parts;
mod rate;
mod rest;
mod rig;
