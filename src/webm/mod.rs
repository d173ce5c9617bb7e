//! EBML and WebM: primitives, reader, muxer.
