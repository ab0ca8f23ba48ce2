//! Functions compiled twice: for any processor, and for AVX2 and BMI2 where the processor has them.
//!
//! The operations and their order are the same, no product is fused with a sum, so both give the same bits.

/// `wide! { fn name(arguments) -> Result = inner; }` defines a function that calls `inner`, which must be `#[inline(always)]`,
/// compiled for AVX2 and BMI2 if the processor has them.
macro_rules! wide {
    ($(#[$doc:meta])* fn $name:ident$(<$real:ident>)?($($arg:ident: $type:ty),*) $(-> $out:ty)? = $inner:path;) => {
        $(#[$doc])*
        #[allow(unsafe_code, reason = "a call of a function compiled for AVX2 and BMI2, behind a check that the CPU has them")]
        pub(crate) fn $name$(<$real: $crate::field::Real>)?($($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi2")]
                fn with_avx2$(<$real: $crate::field::Real>)?($($arg: $type),*) $(-> $out)? {
                    $inner($($arg),*)
                }
                if $crate::processor::allows($crate::processor::Level::Avx2) {
                    // SAFETY: the line above made sure that the CPU has both.
                    return unsafe { with_avx2($($arg),*) };
                }
            }
            $inner($($arg),*)
        }
    };
}

pub(crate) use wide;
