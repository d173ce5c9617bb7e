//! What this machine has to give: CPU threads, memory, memory of its GPUs.
#![forbid(unsafe_code)]

use super::device::Found;
use super::error::Error;
use super::plan::lanes::Machine;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Looks at the machine; `threads` CPU threads may be used.
///
/// # Errors
/// When a GPU does not tell its memory.
pub(super) fn machine(devices: &[Found], threads: usize) -> Result<Machine, Error> {
    let host_bytes = memory_bytes();
    let mut device_bytes = Vec::new();
    for found in devices {
        device_bytes.extend(found.free_bytes()?);
    }
    Ok(Machine { threads, host_bytes, device_bytes })
}

/// CPU threads and memory in bytes that can be had.
pub(super) fn threads_and_memory() -> (usize, u64) {
    (std::thread::available_parallelism().map_or(1, usize::from), memory_bytes())
}

fn memory_bytes() -> u64 {
    let memory = MemoryRefreshKind::nothing().with_ram();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory));
    // A system that does not tell is taken to have enough: the number of cores then limits the lanes.
    system.map_or(u64::MAX, |system| {
        // In a container the limit of its group counts, not what the machine has.
        let group = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
        system.available_memory().min(group)
    })
}
