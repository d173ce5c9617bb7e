//! Decoders that need no NVDEC.
