//! What there is on this machine, as far as it bears on a run; found without changing anything.
#![forbid(unsafe_code)]

use super::super::chain;
use super::super::machine;
use crate::engine::tensorrt::{self, Libraries, Version, library};
use crate::gpu::nvdec::{Caps, Library};
use crate::gpu::{self, Device};
use crate::media::Chroma;
use crate::packet::Codec;
use crate::rvm::locate::{locate, model_folders};
use crate::rvm::{Variant, Weights};
use crate::software;
use crate::vp9;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is wanted of the machine.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Weights, by name or file.
    pub model: String,
    /// Where results would go.
    pub folder: PathBuf,
    /// TensorRT's library, where it is named.
    pub tensorrt_lib: Option<PathBuf>,
}

/// Everything found.
#[derive(Clone, Debug)]
pub struct Facts {
    /// CUDA version of the driver, `13000` for 13.0; or why there is none.
    pub driver: Result<Driver, String>,
    /// Whether kernels were compiled into this program.
    pub kernels_built: bool,
    /// A compiler for them.
    pub nvcc: Option<PathBuf>,
    /// GPUs in the driver's order; or why one cannot be used.
    pub gpus: Vec<Result<GpuFacts, String>>,
    /// TensorRT's libraries and their version.
    pub tensorrt: Result<(Libraries, Version), String>,
    /// Whether this program can use them.
    pub tensorrt_built: bool,
    /// The encoders' version.
    pub libvpx: (u8, u8, u8),
    /// First line that `ffmpeg -version` says.
    pub ffmpeg: Result<String, String>,
    /// The weights asked for: the file and what it holds.
    pub model: Result<(PathBuf, String), String>,
    /// Other published networks that are at hand.
    pub other_models: Vec<(&'static str, PathBuf)>,
    /// Where results would go, and free bytes there.
    pub disk: (PathBuf, Result<u64, String>),
    /// CPU threads.
    pub threads: usize,
    /// Memory that can be had, in bytes; `u64::MAX` where the system does not tell.
    pub memory_bytes: u64,
}

/// The driver.
#[derive(Clone, Debug)]
pub struct Driver {
    /// As the driver's management library says, such as 580.159.04.
    pub version: Option<String>,
    /// Newest CUDA that it runs: 1000 * major + 10 * minor.
    pub cuda: i32,
}

/// A GPU that can be used.
#[derive(Clone, Debug)]
pub struct GpuFacts {
    /// As the driver says.
    pub name: String,
    /// Major and minor.
    pub compute_capability: (i32, i32),
    /// Free and all memory in bytes.
    pub memory: (u64, u64),
    /// Its video decoder, by codec and depth; or why it cannot be used.
    pub decoding: Result<Vec<(Codec, u8, Caps)>, String>,
}

/// Looks at this machine.
pub fn gather(wanted: &Wanted) -> Facts {
    let count = Device::count();
    let gpus = match &count {
        Ok(count) => (0..*count).map(gpu).collect(),
        Err(_) => Vec::new(),
    };
    let folders = model_folders();
    let others = Variant::ALL.into_iter().filter(|variant| variant.name() != wanted.model);
    let (threads, memory_bytes) = machine::threads_and_memory();
    Facts {
        driver: count.and_then(|_| driver()).map_err(|error| chain(&error)),
        kernels_built: gpu::kernels_built(),
        nvcc: nvcc(),
        gpus,
        tensorrt: tensorrt_library(wanted.tensorrt_lib.as_deref()).map_err(|error| chain(&error)),
        tensorrt_built: tensorrt::BUILT,
        libvpx: vp9::library_version(),
        ffmpeg: software::ffmpeg::version(&software::Options::default()).map_err(|error| chain(&error)),
        model: model(&wanted.model),
        other_models: others.filter_map(|v| Some((v.name(), locate(v.name(), &folders).ok()?))).collect(),
        disk: (wanted.folder.clone(), free_bytes(&wanted.folder)),
        threads,
        memory_bytes,
    }
}

fn driver() -> Result<Driver, gpu::Error> {
    let version = super::super::bench::driver_version();
    Ok(Driver { version, cuda: Device::driver_cuda()? })
}

fn gpu(ordinal: usize) -> Result<GpuFacts, String> {
    let device = Device::open(ordinal).map_err(|error| chain(&error))?;
    let open = || {
        let (free, all) = device.memory()?;
        Ok((device.name()?, (free as u64, all as u64)))
    };
    let (name, memory) = open().map_err(|error: gpu::Error| chain(&error))?;
    let compute_capability = device.compute_capability();
    Ok(GpuFacts { name, compute_capability, memory, decoding: decoding(&device) })
}

/// Each codec at 8 and, where it is in use, at 10 bits.
fn decoding(device: &Arc<Device>) -> Result<Vec<(Codec, u8, Caps)>, String> {
    let library = Library::load().map_err(|error| chain(&error))?;
    let kinds = [
        (Codec::H264, 8),
        (Codec::Hevc, 8),
        (Codec::Hevc, 10),
        (Codec::Vp9, 8),
        (Codec::Vp9, 10),
        (Codec::Av1, 8),
        (Codec::Av1, 10),
    ];
    let asked = kinds.map(|(codec, depth)| {
        library.caps(device, codec, Chroma::Yuv420, depth).map(|caps| (codec, depth, caps))
    });
    asked.into_iter().collect::<Result<_, _>>().map_err(|error| chain(&error))
}

/// A library that this program cannot use is not loaded.
fn tensorrt_library(given: Option<&Path>) -> Result<(Libraries, Version), tensorrt::Error> {
    if tensorrt::BUILT { library::look(given) } else { Err(tensorrt::Error::NotBuilt) }
}

fn model(name: &str) -> Result<(PathBuf, String), String> {
    let path = locate(name, &model_folders()).map_err(|error| chain(&error))?;
    let weights = Weights::load(&path).map_err(|error| format!("{}: {}", path.display(), chain(&error)))?;
    Ok((path, format!("{} with the {} guided filter", weights.variant(), weights.refiner())))
}

/// Where the build would look for it, too.
fn nvcc() -> Option<PathBuf> {
    let named = std::env::var_os("NVCC").map(PathBuf::from);
    let home = std::env::var_os("CUDA_HOME").map(|home| Path::new(&home).join("bin/nvcc"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> = std::env::split_paths(&path).map(|folder| folder.join("nvcc")).collect();
    let places = named.into_iter().chain(home).chain(path).chain([".tools/cuda/bin/nvcc".into()]);
    places.into_iter().find(|place| place.is_file())
}

/// Of the file system that `folder`, or the nearest folder above it that is there, lies on.
fn free_bytes(folder: &Path) -> Result<u64, String> {
    let absolute = std::path::absolute(folder).map_err(|error| error.to_string())?;
    let there = absolute.ancestors().find(|place| place.exists()).unwrap_or(&absolute);
    let system = rustix::fs::statvfs(there).map_err(|error| error.to_string())?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}
