//! Compiles `kernels/*.cu` into one fat binary, which `gpu` embeds; without nvcc an empty one.
//!
//! nvcc is looked for in `$NVCC`, `$CUDA_HOME/bin`, `$PATH` and `.tools/cuda/bin` (where
//! `scripts/fetch_nvcc.sh` puts it). `VRP_CUDA_ARCHS` (such as `90` or `80,90`) shortens the list of
//! architectures while kernels are being written.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Turing, A100, GeForce 30 and 40, Hopper; later ones compile the PTX when the module is loaded.
const ARCHITECTURES: &str = "75,80,86,89,90";

/// Writes `$OUT_DIR/kernels.fatbin`.
pub fn build() {
    for name in ["NVCC", "CUDA_HOME", "PATH", "VRP_CUDA_ARCHS"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rerun-if-changed=kernels");
    println!("cargo::rerun-if-changed=build/cuda.rs");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let fatbin = out.join("kernels.fatbin");
    let Some(nvcc) = find_nvcc() else {
        println!("cargo::warning=nvcc not found: building without the GPU path (see scripts/fetch_nvcc.sh)");
        std::fs::write(&fatbin, []).expect("OUT_DIR can be written");
        return;
    };
    let all = out.join("kernels.cu");
    std::fs::write(&all, amalgam(Path::new("kernels"))).expect("OUT_DIR can be written");

    let archs = std::env::var("VRP_CUDA_ARCHS").unwrap_or_else(|_| ARCHITECTURES.to_owned());
    let mut command = Command::new(&nvcc);
    command.args([
        "-fatbin",
        "-O3",
        "-std=c++17",
        "--threads",
        "2",
        "--compress-mode=size",
        "-I",
        "kernels",
        "-o",
    ]);
    command.arg(&fatbin).arg(&all);
    let mut last = "";
    for arch in archs.split(',') {
        command.arg(format!("-gencode=arch=compute_{arch},code=sm_{arch}"));
        last = arch;
    }
    command.arg(format!("-gencode=arch=compute_{last},code=compute_{last}"));
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{}: {error}", nvcc.display()),
    };
    if !output.status.success() {
        panic!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// One file that includes every kernel, so that one module holds them all.
fn amalgam(folder: &Path) -> String {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the checkout has a folder kernels")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".cu"))
        .collect();
    names.sort();
    names.iter().map(|name| format!("#include \"{name}\"\n")).collect()
}

fn find_nvcc() -> Option<PathBuf> {
    let from_env = std::env::var_os("NVCC").map(PathBuf::from);
    let from_home = std::env::var_os("CUDA_HOME").map(|home| PathBuf::from(home).join("bin/nvcc"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let from_path = std::env::split_paths(&path).map(|folder| folder.join("nvcc"));
    let local = PathBuf::from(".tools/cuda/bin/nvcc");
    from_env.into_iter().chain(from_home).chain(from_path).chain([local]).find(|nvcc| nvcc.is_file())
}
