//! What the driver tells of the GPUs, through NVIDIA's management library, loaded when asked for.
#![forbid(unsafe_code)]

use super::report::GpuSample;
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::PcieUtilCounter;
use nvml_wrapper::error::NvmlError;
use std::ffi::OsStr;

/// The library as it is named where only the driver is installed, without development files.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// Version of the driver as the library tells it; `None` where it does not.
pub(in crate::pipeline) fn driver_version() -> Option<String> {
    Monitor::open().ok()?.driver()
}

/// The opened library.
pub(super) struct Monitor(Nvml);

impl Monitor {
    /// Loads the library.
    ///
    /// # Errors
    /// When it is not there or finds no driver.
    pub(super) fn open() -> Result<Self, NvmlError> {
        Nvml::builder().lib_path(OsStr::new(LIBRARY)).init().or_else(|_| Nvml::init()).map(Self)
    }

    /// Version of the driver, such as 580.159.04.
    fn driver(&self) -> Option<String> {
        self.0.sys_driver_version().ok()
    }

    /// All GPUs now.
    pub(super) fn sample(&self) -> Vec<GpuSample> {
        (0..self.0.device_count().unwrap_or(0)).filter_map(|index| self.gpu(index)).collect()
    }

    fn gpu(&self, index: u32) -> Option<GpuSample> {
        let gpu = self.0.device_by_index(index).ok()?;
        Some(GpuSample {
            name: gpu.name().unwrap_or_else(|_| format!("GPU {index}")),
            sm_percent: gpu.utilization_rates().ok().map(|rates| rates.gpu),
            nvdec_percent: gpu.decoder_utilization().ok().map(|decoder| decoder.utilization),
            memory_bytes: gpu.memory_info().ok().map(|memory| memory.used),
            pcie_to_host_kb_s: gpu.pcie_throughput(PcieUtilCounter::Send).ok(),
            pcie_to_device_kb_s: gpu.pcie_throughput(PcieUtilCounter::Receive).ok(),
            power_w: gpu.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1e3),
        })
    }
}
