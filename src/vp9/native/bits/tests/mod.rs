//! The writer against two decoders that share no code: libvpx and ffmpeg's own.

mod accept;
mod coder;
mod content;
mod joint;
mod malformed;
mod same;
mod scene;
