//! Robust Video Matting (Lin et al., WACV 2022, arXiv 2108.11515): the network as data.

pub mod graph;
