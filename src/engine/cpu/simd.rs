//! One body, compiled twice: for the baseline of the build and for AVX2 with FMA.
//!
//! The binary is built for plain x86-64, where the compiler has half-width vectors and no fused
//! multiply-add. [`wide!`] compiles a loop for both and picks at run time; the loops themselves
//! are plain Rust that the compiler turns into vectors.
#![forbid(unsafe_code)]

/// `a * b + c`, fused where the machine has it: without the instruction, `mul_add` would call a
/// slow library routine.
#[inline(always)]
pub fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// Whether this machine has AVX2 and FMA.
pub fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// Defines a function whose body is compiled for the baseline and for AVX2, and which picks one
/// when called. The body may use `FMA`, a constant that says whether to fuse.
macro_rules! wide {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "plain loops take slices and sizes")]
        $vis fn $name($($arg: $ty),*) {
            #[inline(always)]
            #[allow(dead_code, clippy::too_many_arguments, reason = "the same arguments")]
            fn body<const FMA: bool>($($arg: $ty),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments, reason = "the same arguments as the body")]
                fn avx2($($arg: $ty),*) {
                    body::<true>($($arg),*)
                }
                if $crate::engine::cpu::simd::has_avx2() {
                    // SAFETY: both features were found on this machine by the line above.
                    return unsafe { avx2($($arg),*) };
                }
            }
            body::<false>($($arg),*)
        }
    };
}
pub(super) use wide;
