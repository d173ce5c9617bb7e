//! VP9 through libvpx: encoder, decoder, and the colour + alpha pair.
