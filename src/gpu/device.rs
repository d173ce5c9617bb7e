//! A device: its primary context, the kernels loaded into it, and its limits.
//!
//! The context is the primary one, so that NVDEC and other libraries share it. Kernels come
//! from the fat binary that `build/cuda.rs` made; the driver picks the machine code that fits, or
//! compiles the PTX on devices newer than all of them.

use std::ffi::{CString, c_void};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::sys::CUdevice_attribute_enum as Attribute;
use cudarc::driver::{CudaContext, result, sys};

use super::error::check;
use super::{Error, Ledger, Stream};

/// Aligned, because the driver reads the image's header as words.
#[repr(align(64))]
struct Aligned<T: ?Sized>(T);
static KERNELS: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin")));

/// Held while a stream captures, and around what the driver refuses meanwhile. One for all: every handle of a GPU
/// has the same context below it.
static CAPTURES: Mutex<()> = Mutex::new(());

/// Whether this program was built with its GPU kernels.
pub fn kernels_built() -> bool {
    !KERNELS.0.is_empty()
}

/// A CUDA device with this program's kernels loaded.
pub struct Device {
    context: Arc<CudaContext>,
    module: sys::CUmodule,
    multiprocessors: u32,
    shared_bytes_max: u32,
    compute_capability: (i32, i32),
    ledger: Arc<Ledger>,
}

// SAFETY: the driver allows any thread to use a module handle; it is freed once, in `drop`.
unsafe impl Send for Device {}
// SAFETY: no method changes the handle.
unsafe impl Sync for Device {}

impl Device {
    /// Number of devices.
    ///
    /// # Errors
    /// [`Error::NoDriver`] where there is no driver, [`Error::Cuda`] when it fails to start.
    pub fn count() -> Result<usize, Error> {
        // SAFETY: only tries to open the library; running its initialisers is what we are here for.
        if !unsafe { sys::is_culib_present() } {
            return Err(Error::NoDriver);
        }
        check("cuInit", result::init())?;
        Ok(check("cuDeviceGetCount", result::device::get_count())?.max(0) as usize)
    }

    /// Newest CUDA version that the driver runs: 1000 * major + 10 * minor.
    ///
    /// # Errors
    /// [`Error::NoDriver`] where there is no driver, [`Error::Cuda`] when it does not tell.
    pub fn driver_cuda() -> Result<i32, Error> {
        Self::count()?;
        let mut version = 0;
        // SAFETY: the library is there (`count`), and writes one int to a place of ours.
        let answer = unsafe { sys::cuDriverGetVersion(&mut version) };
        check("cuDriverGetVersion", answer.result())?;
        Ok(version)
    }

    /// Opens device `ordinal` and loads the kernels. Costs a few hundred milliseconds the first time.
    ///
    /// # Errors
    /// When there is no driver, no such device, it is too old, or the kernels were not built.
    pub fn open(ordinal: usize) -> Result<Arc<Self>, Error> {
        let count = Self::count()?;
        if ordinal >= count {
            return Err(Error::NoDevice { ordinal, count });
        }
        if !kernels_built() {
            return Err(Error::NotBuilt);
        }
        let context = check("cuDevicePrimaryCtxRetain", CudaContext::new(ordinal))?;
        let attribute = |what| check("cuDeviceGetAttribute", context.attribute(what));
        let compute_capability = (
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        );
        if compute_capability < (7, 5) {
            let name = check("cuDeviceGetName", context.name())?;
            return Err(Error::TooOld { name, got: compute_capability });
        }
        let multiprocessors = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as u32;
        let shared = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)? as u32;
        // SAFETY: KERNELS is a whole fat binary, checked not to be empty, and the context is current.
        let module = unsafe { result::module::load_data(KERNELS.0.as_ptr().cast::<c_void>()) };
        let module = check("cuModuleLoadData", module)?;
        let ledger = Arc::default();
        Ok(Arc::new(Self {
            context,
            module,
            multiprocessors,
            shared_bytes_max: shared,
            compute_capability,
            ledger,
        }))
    }

    /// Makes the context current on this thread. Cheap when it is already.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn bind(&self) -> Result<(), Error> {
        check("cuCtxSetCurrent", self.context.bind_to_thread())
    }

    /// Keeps captures and calls that wait for the whole context apart: such a call fails while any
    /// stream captures, and spoils the capture (seen when several lanes are set up at once).
    pub(super) fn apart_from_captures(&self) -> MutexGuard<'_, ()> {
        CAPTURES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds captures off for as long as the guard lives, for libraries that take memory or wait by themselves.
    /// Nothing that captures or takes memory through this module may be called meanwhile on the same thread.
    pub fn while_nothing_captures(&self) -> MutexGuard<'_, ()> {
        self.apart_from_captures()
    }

    /// The context, for libraries that share it.
    pub fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    /// Name of the device.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn name(&self) -> Result<String, Error> {
        check("cuDeviceGetName", self.context.name())
    }

    /// Number of multiprocessors.
    pub fn multiprocessors(&self) -> u32 {
        self.multiprocessors
    }

    /// Most shared memory that a block may ask for, in bytes.
    pub fn shared_bytes_max(&self) -> u32 {
        self.shared_bytes_max
    }

    /// Major and minor compute capability.
    pub fn compute_capability(&self) -> (i32, i32) {
        self.compute_capability
    }

    /// Free and total memory in bytes.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn memory(&self) -> Result<(usize, usize), Error> {
        self.bind()?;
        check("cuMemGetInfo", result::mem_get_info())
    }

    /// What is held of the device through this handle, by part.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Looks a kernel up and allows it `shared_bytes` of shared memory per block.
    ///
    /// # Errors
    /// When there is no such kernel, or it may not have so much shared memory.
    pub fn kernel(self: &Arc<Self>, name: &str, shared_bytes: u32) -> Result<Kernel, Error> {
        self.bind()?;
        let name = CString::new(name).expect("names of kernels hold no zero byte");
        // SAFETY: the module is loaded and lives as long as the device.
        let function = unsafe { result::module::get_function(self.module, name) };
        let function = check("cuModuleGetFunction", function)?;
        // Static shared memory counts towards the 48 KiB that need no asking; 32 KiB stay clear of it.
        if shared_bytes > 32 * 1024 {
            self.allow_all_shared(function)?;
        }
        let early = self.compute_capability >= (9, 0);
        Ok(Kernel { function, shared_bytes, early, _device: self.clone() })
    }
}

impl Device {
    /// Lets a kernel ask for all shared memory that there is. Everybody who looks a kernel up is given the same one,
    /// so a limit made to measure for one of its users would fail launches of another that needs more.
    fn allow_all_shared(&self, function: sys::CUfunction) -> Result<(), Error> {
        use sys::CUfunction_attribute_enum as Attribute;
        let fixed = Attribute::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES;
        // SAFETY: the caller looked the function up in this device's module.
        let answer = unsafe { result::function::get_function_attribute(function, fixed) };
        let rest = self.shared_bytes_max as i32 - check("cuFuncGetAttribute", answer)?;
        let most = Attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        // SAFETY: as above.
        let answer = unsafe { result::function::set_function_attribute(function, most, rest) };
        check("cuFuncSetAttribute", answer)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if self.context.bind_to_thread().is_ok() {
            // SAFETY: the only unload; every kernel holds the device, so none is left. A failure
            // here can only leak.
            let _leak = unsafe { result::module::unload(self.module) };
        }
    }
}

/// A kernel with its shared memory settled.
#[derive(Clone)]
pub struct Kernel {
    function: sys::CUfunction,
    shared_bytes: u32,
    /// Blocks may be started while the kernel before is still running: hides the time of a launch. Every
    /// kernel of this program waits by itself before it touches memory that others write.
    early: bool,
    _device: Arc<Device>,
}

// SAFETY: the driver allows any thread to launch a function; the module lives as long as `_device`.
unsafe impl Send for Kernel {}
// SAFETY: as above; no method changes the handle.
unsafe impl Sync for Kernel {}

impl Kernel {
    /// Enqueues the kernel; it takes `args` by value as its one parameter.
    ///
    /// # Errors
    /// When the driver refuses the launch, or an earlier failure surfaces.
    ///
    /// # Safety
    /// `A` must be the kernel's parameter struct, byte for byte, and every address in it must be
    /// good for what the kernel does with it until the stream has run it.
    pub unsafe fn launch<A: Copy>(
        &self,
        stream: &Stream,
        grid: [u32; 3],
        threads: u32,
        args: &A,
    ) -> Result<(), Error> {
        // SAFETY: the caller vouches for `args`.
        unsafe { self.launch_raw(stream, grid, threads, std::ptr::from_ref(args).cast()) }
    }

    /// As [`Self::launch`], for arguments of which only the address is known.
    ///
    /// # Errors
    /// When the driver refuses the launch, or an earlier failure surfaces.
    ///
    /// # Safety
    /// As for [`Self::launch`]; `args` must be good to read.
    pub unsafe fn launch_raw(
        &self,
        stream: &Stream,
        grid: [u32; 3],
        threads: u32,
        args: *const c_void,
    ) -> Result<(), Error> {
        let mut parameters = [args.cast_mut()];
        let mut attribute = sys::CUlaunchAttribute {
            id: sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
            pad: [0; 4],
            value: sys::CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
        };
        let config = sys::CUlaunchConfig {
            gridDimX: grid[0],
            gridDimY: grid[1],
            gridDimZ: grid[2],
            blockDimX: threads,
            blockDimY: 1,
            blockDimZ: 1,
            sharedMemBytes: self.shared_bytes,
            hStream: stream.raw(),
            attrs: &mut attribute,
            numAttrs: u32::from(self.early),
        };
        // SAFETY: the caller vouches for `args`, which the driver copies before it returns, as it does
        // the configuration.
        let answer = unsafe {
            sys::cuLaunchKernelEx(&config, self.function, parameters.as_mut_ptr(), std::ptr::null_mut())
        };
        check("cuLaunchKernelEx", answer.result())
    }
}
