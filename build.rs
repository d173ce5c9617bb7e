//! Builds what is not Rust: one module of `build/` for each library.

#[path = "build/cuda.rs"]
mod cuda;
#[path = "build/libvpx.rs"]
mod libvpx;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    libvpx::build();
    cuda::build();
}
