//! Builds what is not Rust: one module of `build/` for each library.

#[path = "build/cuda.rs"]
mod cuda;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    cuda::build();
}
