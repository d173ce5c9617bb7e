//! libnvcuvid, loaded at run time, and the questions that can be put to it without a decoder.
//!
//! Loaded once and never unloaded: the driver's libraries keep threads of their own. Spec: nvcuvid.h
//! and cuviddec.h, Video Codec SDK 12.1.

use std::ffi::{c_int, c_uint, c_ulonglong};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::frame::Size;
use crate::gpu::Device;
use crate::media::Chroma;
use crate::packet::Codec;

use super::abi::{self, Blank, Handle};
use super::error::check;
use super::{Caps, Error, StreamInfo};

#[cfg(windows)]
const NAMES: [&str; 1] = ["nvcuvid.dll"];
#[cfg(not(windows))]
const NAMES: [&str; 2] = ["libnvcuvid.so.1", "libnvcuvid.so"];

/// Creating and destroying decoders from several threads at once has crashed drivers; NVIDIA's own
/// samples hold a lock, and so does everything here.
static LIFECYCLE: Mutex<()> = Mutex::new(());
static LOADED: Mutex<Option<Arc<Library>>> = Mutex::new(None);

/// The functions in use.
#[derive(Clone, Copy)]
pub(super) struct Api {
    pub(super) caps: unsafe extern "C" fn(*mut abi::DecodeCaps) -> c_int,
    pub(super) create_decoder: unsafe extern "C" fn(*mut Handle, *mut abi::CreateInfo) -> c_int,
    pub(super) destroy_decoder: unsafe extern "C" fn(Handle) -> c_int,
    pub(super) decode: unsafe extern "C" fn(Handle, *mut abi::PictureParams) -> c_int,
    pub(super) status: unsafe extern "C" fn(Handle, c_int, *mut abi::DecodeStatus) -> c_int,
    pub(super) map: MapFrame,
    pub(super) unmap: unsafe extern "C" fn(Handle, c_ulonglong) -> c_int,
    pub(super) create_parser: unsafe extern "C" fn(*mut Handle, *mut abi::ParserParams) -> c_int,
    pub(super) parse: unsafe extern "C" fn(Handle, *mut abi::SourcePacket) -> c_int,
    pub(super) destroy_parser: unsafe extern "C" fn(Handle) -> c_int,
}

/// cuvidMapVideoFrame64.
pub(super) type MapFrame =
    unsafe extern "C" fn(Handle, c_int, *mut c_ulonglong, *mut c_uint, *mut abi::ProcParams) -> c_int;

/// The loaded library.
pub struct Library {
    pub(super) api: Api,
    /// Keeps the functions where they are.
    _handle: Arc<libloading::Library>,
}

impl Library {
    /// Loads the library, or gives the one that was loaded before.
    ///
    /// # Errors
    /// [`Error::NoLibrary`] where there is none, [`Error::Symbol`] when it is too old.
    pub fn load() -> Result<Arc<Self>, Error> {
        let mut loaded = LOADED.lock().unwrap_or_else(|held| held.into_inner());
        if let Some(library) = &*loaded {
            return Ok(library.clone());
        }
        let (name, handle) = open()?;
        let api = resolve(name, &handle)?;
        let library = Arc::new(Self { api, _handle: Arc::new(handle) });
        // One more owner, so that it is never unloaded.
        *loaded = Some(library.clone());
        Ok(library)
    }

    /// What the device's decoder can do with such streams; [`Caps::NONE`] if nothing.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn caps(&self, device: &Device, codec: Codec, chroma: Chroma, depth: u8) -> Result<Caps, Error> {
        let Some(chroma) = abi::chroma(chroma) else { return Ok(Caps::NONE) };
        device.bind()?;
        let mut raw = abi::DecodeCaps::blank();
        raw.codec = abi::codec(codec);
        raw.chroma = chroma;
        raw.depth_minus_8 = c_uint::from(depth.saturating_sub(8));
        // SAFETY: `raw` is a whole, cleared structure, and a context is current.
        let code = unsafe { (self.api.caps)(&mut raw) };
        if code == abi::NOT_SUPPORTED {
            return Ok(Caps::NONE);
        }
        check("cuvidGetDecoderCaps", code)?;
        if raw.supported == 0 {
            return Ok(Caps::NONE);
        }
        let offers = |format: c_uint| raw.output_formats >> format & 1 == 1;
        Ok(Caps {
            supported: true,
            engines: raw.engines,
            min: Size::new(raw.min_width.into(), raw.min_height.into()),
            max: Size::new(raw.max_width as usize, raw.max_height as usize),
            max_macroblocks: raw.max_macroblocks,
            nv12: offers(abi::SURFACE_NV12),
            p016: offers(abi::SURFACE_P016),
        })
    }

    /// Whether the device's decoder takes a stream.
    ///
    /// # Errors
    /// [`Error::Unsuitable`] with the reason in words when it does not, others when the driver fails.
    pub fn can_decode(&self, device: &Device, info: &StreamInfo) -> Result<(), Error> {
        let caps = self.caps(device, info.codec, info.chroma, info.depth)?;
        Ok(caps.suit(&device.name()?, info)?)
    }

    /// The same library with some functions replaced.
    #[cfg(test)]
    pub(super) fn with(&self, change: impl FnOnce(&mut Api)) -> Arc<Self> {
        let mut api = self.api;
        change(&mut api);
        Arc::new(Self { api, _handle: self._handle.clone() })
    }

    /// Held around creation and destruction of parsers and decoders.
    pub(super) fn lifecycle() -> MutexGuard<'static, ()> {
        LIFECYCLE.lock().unwrap_or_else(|held| held.into_inner())
    }
}

/// Tries the names in turn.
fn open() -> Result<(&'static str, libloading::Library), Error> {
    let mut last = None;
    for name in NAMES {
        // SAFETY: NVIDIA's library; its initialisers do nothing but prepare it.
        match unsafe { libloading::Library::new(name) } {
            Ok(handle) => return Ok((name, handle)),
            Err(source) => last = Some(Error::NoLibrary { name, source }),
        }
    }
    Err(last.expect("there is at least one name"))
}

/// Looks all functions up.
fn resolve(library: &'static str, handle: &libloading::Library) -> Result<Api, Error> {
    macro_rules! symbol {
        ($name:literal) => {{
            // SAFETY: the field of `Api` that receives it has the type that the header gives this name.
            let found = unsafe { handle.get($name.as_bytes()) };
            *found.map_err(|source| Error::Symbol { library, name: $name, source })?
        }};
    }
    Ok(Api {
        caps: symbol!("cuvidGetDecoderCaps"),
        create_decoder: symbol!("cuvidCreateDecoder"),
        destroy_decoder: symbol!("cuvidDestroyDecoder"),
        decode: symbol!("cuvidDecodePicture"),
        status: symbol!("cuvidGetDecodeStatus"),
        map: symbol!("cuvidMapVideoFrame64"),
        unmap: symbol!("cuvidUnmapVideoFrame64"),
        create_parser: symbol!("cuvidCreateVideoParser"),
        parse: symbol!("cuvidParseVideoData"),
        destroy_parser: symbol!("cuvidDestroyVideoParser"),
    })
}
