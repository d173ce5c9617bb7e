//! Opening video files: probe, demux, colour and layout metadata.
