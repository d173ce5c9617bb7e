//! Builds what is not Rust: one module of `build/` for each library.

#[path = "build/cuda.rs"]
mod cuda;
#[path = "build/libopus.rs"]
mod libopus;
#[path = "build/library.rs"]
mod library;
#[path = "build/libvpx.rs"]
mod libvpx;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build/library.rs");
    libopus::build();
    libvpx::build();
    cuda::build();
    if std::env::var_os("CARGO_FEATURE_TENSORRT").is_none() {
        // Said once for those who build by hand; scripts/features.sh asks for it where libclang is.
        println!("cargo::warning=building without TensorRT (feature tensorrt, which needs libclang)");
    }
}
