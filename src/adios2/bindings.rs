//! Generated from ADIOS2's `adios2_c.h` by `cargo build --features bindings`; do not edit.
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals, reason = "names of the C API")]
#![allow(missing_docs, missing_debug_implementations, dead_code, reason = "ADIOS2 documents its C API")]
#![allow(unsafe_code, unsafe_op_in_unsafe_fn, reason = "C API")]
#![allow(clippy::all, clippy::undocumented_unsafe_blocks, reason = "generated")]

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct adios2_adios {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct adios2_io {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct adios2_variable {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct adios2_attribute {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct adios2_engine {
    _unused: [u8; 0],
}
pub const adios2_error_none: adios2_error = 0;
pub const adios2_error_invalid_argument: adios2_error = 1;
pub const adios2_error_system_error: adios2_error = 2;
pub const adios2_error_runtime_error: adios2_error = 3;
pub const adios2_error_exception: adios2_error = 4;
pub type adios2_error = ::std::os::raw::c_uint;
pub const adios2_false: adios2_bool = 0;
pub const adios2_true: adios2_bool = 1;
pub type adios2_bool = ::std::os::raw::c_uint;
pub const adios2_constant_dims_false: adios2_constant_dims = 0;
pub const adios2_constant_dims_true: adios2_constant_dims = 1;
pub type adios2_constant_dims = ::std::os::raw::c_uint;
pub const adios2_type_unknown: adios2_type = -1;
pub const adios2_type_string: adios2_type = 0;
pub const adios2_type_float: adios2_type = 1;
pub const adios2_type_double: adios2_type = 2;
pub const adios2_type_float_complex: adios2_type = 3;
pub const adios2_type_double_complex: adios2_type = 4;
pub const adios2_type_int8_t: adios2_type = 5;
pub const adios2_type_int16_t: adios2_type = 6;
pub const adios2_type_int32_t: adios2_type = 7;
pub const adios2_type_int64_t: adios2_type = 8;
pub const adios2_type_uint8_t: adios2_type = 9;
pub const adios2_type_uint16_t: adios2_type = 10;
pub const adios2_type_uint32_t: adios2_type = 11;
pub const adios2_type_uint64_t: adios2_type = 12;
pub const adios2_type_long_double: adios2_type = 13;
pub type adios2_type = ::std::os::raw::c_int;
pub const adios2_mode_undefined: adios2_mode = 0;
pub const adios2_mode_write: adios2_mode = 1;
pub const adios2_mode_read: adios2_mode = 2;
pub const adios2_mode_append: adios2_mode = 3;
pub const adios2_mode_readRandomAccess: adios2_mode = 6;
pub const adios2_mode_deferred: adios2_mode = 4;
pub const adios2_mode_sync: adios2_mode = 5;
pub type adios2_mode = ::std::os::raw::c_uint;
pub const adios2_step_mode_append: adios2_step_mode = 0;
pub const adios2_step_mode_update: adios2_step_mode = 1;
pub const adios2_step_mode_read: adios2_step_mode = 2;
pub type adios2_step_mode = ::std::os::raw::c_uint;
pub const adios2_step_status_other_error: adios2_step_status = -1;
pub const adios2_step_status_ok: adios2_step_status = 0;
pub const adios2_step_status_not_ready: adios2_step_status = 1;
pub const adios2_step_status_end_of_stream: adios2_step_status = 2;
pub type adios2_step_status = ::std::os::raw::c_int;
pub const adios2_shapeid_unknown: adios2_shapeid = -1;
pub const adios2_shapeid_global_value: adios2_shapeid = 0;
pub const adios2_shapeid_global_array: adios2_shapeid = 1;
pub const adios2_shapeid_joined_array: adios2_shapeid = 2;
pub const adios2_shapeid_local_value: adios2_shapeid = 3;
pub const adios2_shapeid_local_array: adios2_shapeid = 4;
pub type adios2_shapeid = ::std::os::raw::c_int;
#[repr(C)]
#[repr(align(16))]
#[derive(Copy, Clone)]
pub union adios2_PrimitiveStdtypeUnion {
    pub int8: i8,
    pub int16: i16,
    pub int32: i32,
    pub int64: i64,
    pub uint8: u8,
    pub uint16: u16,
    pub uint32: u32,
    pub uint64: u64,
    pub f: f32,
    pub d: f64,
    pub ld: u128,
    pub str_: *mut ::std::os::raw::c_char,
}
#[repr(C)]
#[repr(align(16))]
#[derive(Copy, Clone)]
pub struct adios2_blockinfo {
    pub WriterID: ::std::os::raw::c_int,
    pub BlockID: usize,
    pub Start: *mut usize,
    pub Count: *mut usize,
    pub MinUnion: adios2_PrimitiveStdtypeUnion,
    pub MaxUnion: adios2_PrimitiveStdtypeUnion,
    pub Value: adios2_PrimitiveStdtypeUnion,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct adios2_varinfo {
    pub Dims: ::std::os::raw::c_int,
    pub Shape: *mut usize,
    pub IsValue: ::std::os::raw::c_int,
    pub IsReverseDims: ::std::os::raw::c_int,
    pub nblocks: usize,
    pub BlocksInfo: *mut adios2_blockinfo,
}
pub struct Adios2C {
    __library: ::libloading::Library,
    pub adios2_init_serial: unsafe extern "C" fn() -> *mut adios2_adios,
    pub adios2_init_config_serial:
        unsafe extern "C" fn(config_file: *const ::std::os::raw::c_char) -> *mut adios2_adios,
    pub adios2_declare_io:
        unsafe extern "C" fn(adios: *mut adios2_adios, name: *const ::std::os::raw::c_char) -> *mut adios2_io,
    pub adios2_finalize: unsafe extern "C" fn(adios: *mut adios2_adios) -> adios2_error,
    pub adios2_attribute_name: unsafe extern "C" fn(
        name: *mut ::std::os::raw::c_char,
        size: *mut usize,
        attribute: *const adios2_attribute,
    ) -> adios2_error,
    pub adios2_attribute_type:
        unsafe extern "C" fn(type_: *mut adios2_type, attribute: *const adios2_attribute) -> adios2_error,
    pub adios2_attribute_is_value:
        unsafe extern "C" fn(result: *mut adios2_bool, attribute: *const adios2_attribute) -> adios2_error,
    pub adios2_attribute_size:
        unsafe extern "C" fn(size: *mut usize, attribute: *const adios2_attribute) -> adios2_error,
    pub adios2_attribute_data: unsafe extern "C" fn(
        data: *mut ::std::os::raw::c_void,
        size: *mut usize,
        attribute: *const adios2_attribute,
    ) -> adios2_error,
    pub adios2_attribute_string_data: unsafe extern "C" fn(
        attribute: *const adios2_attribute,
        data: *mut ::std::os::raw::c_char,
        length: *mut usize,
    ) -> adios2_error,
    pub adios2_attribute_string_data_array: unsafe extern "C" fn(
        attribute: *const adios2_attribute,
        data: *mut *mut ::std::os::raw::c_char,
        lengths: *mut usize,
    ) -> adios2_error,
    pub adios2_engine_get_type: unsafe extern "C" fn(
        type_: *mut ::std::os::raw::c_char,
        size: *mut usize,
        engine: *const adios2_engine,
    ) -> adios2_error,
    pub adios2_begin_step: unsafe extern "C" fn(
        engine: *mut adios2_engine,
        mode: adios2_step_mode,
        timeout_seconds: f32,
        status: *mut adios2_step_status,
    ) -> adios2_error,
    pub adios2_steps: unsafe extern "C" fn(steps: *mut usize, engine: *const adios2_engine) -> adios2_error,
    pub adios2_put: unsafe extern "C" fn(
        engine: *mut adios2_engine,
        variable: *mut adios2_variable,
        data: *const ::std::os::raw::c_void,
        launch: adios2_mode,
    ) -> adios2_error,
    pub adios2_get: unsafe extern "C" fn(
        engine: *mut adios2_engine,
        variable: *mut adios2_variable,
        data: *mut ::std::os::raw::c_void,
        launch: adios2_mode,
    ) -> adios2_error,
    pub adios2_end_step: unsafe extern "C" fn(engine: *mut adios2_engine) -> adios2_error,
    pub adios2_close: unsafe extern "C" fn(engine: *mut adios2_engine) -> adios2_error,
    pub adios2_inquire_blockinfo: unsafe extern "C" fn(
        engine: *mut adios2_engine,
        variable: *mut adios2_variable,
        step: usize,
    ) -> *mut adios2_varinfo,
    pub adios2_free_blockinfo: unsafe extern "C" fn(data_blocks: *mut adios2_varinfo),
    pub adios2_define_variable: unsafe extern "C" fn(
        io: *mut adios2_io,
        name: *const ::std::os::raw::c_char,
        type_: adios2_type,
        ndims: usize,
        shape: *const usize,
        start: *const usize,
        count: *const usize,
        constant_dims: adios2_constant_dims,
    ) -> *mut adios2_variable,
    pub adios2_inquire_variable:
        unsafe extern "C" fn(io: *mut adios2_io, name: *const ::std::os::raw::c_char) -> *mut adios2_variable,
    pub adios2_inquire_all_variables: unsafe extern "C" fn(
        variables: *mut *mut *mut adios2_variable,
        size: *mut usize,
        io: *mut adios2_io,
    ) -> adios2_error,
    pub adios2_define_attribute: unsafe extern "C" fn(
        io: *mut adios2_io,
        name: *const ::std::os::raw::c_char,
        type_: adios2_type,
        value: *const ::std::os::raw::c_void,
    ) -> *mut adios2_attribute,
    pub adios2_define_attribute_array: unsafe extern "C" fn(
        io: *mut adios2_io,
        name: *const ::std::os::raw::c_char,
        type_: adios2_type,
        data: *const ::std::os::raw::c_void,
        size: usize,
    ) -> *mut adios2_attribute,
    pub adios2_inquire_all_attributes: unsafe extern "C" fn(
        attributes: *mut *mut *mut adios2_attribute,
        size: *mut usize,
        io: *mut adios2_io,
    ) -> adios2_error,
    pub adios2_open: unsafe extern "C" fn(
        io: *mut adios2_io,
        name: *const ::std::os::raw::c_char,
        mode: adios2_mode,
    ) -> *mut adios2_engine,
    pub adios2_set_shape:
        unsafe extern "C" fn(variable: *mut adios2_variable, ndims: usize, shape: *const usize) -> adios2_error,
    pub adios2_set_block_selection:
        unsafe extern "C" fn(variable: *mut adios2_variable, block_id: usize) -> adios2_error,
    pub adios2_set_selection: unsafe extern "C" fn(
        variable: *mut adios2_variable,
        ndims: usize,
        start: *const usize,
        count: *const usize,
    ) -> adios2_error,
    pub adios2_set_step_selection:
        unsafe extern "C" fn(variable: *mut adios2_variable, step_start: usize, step_count: usize) -> adios2_error,
    pub adios2_variable_name: unsafe extern "C" fn(
        name: *mut ::std::os::raw::c_char,
        size: *mut usize,
        variable: *const adios2_variable,
    ) -> adios2_error,
    pub adios2_variable_type:
        unsafe extern "C" fn(type_: *mut adios2_type, variable: *const adios2_variable) -> adios2_error,
    pub adios2_variable_shapeid:
        unsafe extern "C" fn(shapeid: *mut adios2_shapeid, variable: *const adios2_variable) -> adios2_error,
    pub adios2_variable_ndims:
        unsafe extern "C" fn(ndims: *mut usize, variable: *const adios2_variable) -> adios2_error,
    pub adios2_variable_shape:
        unsafe extern "C" fn(shape: *mut usize, variable: *const adios2_variable) -> adios2_error,
    pub adios2_variable_steps:
        unsafe extern "C" fn(steps: *mut usize, variable: *const adios2_variable) -> adios2_error,
}
impl Adios2C {
    pub unsafe fn new<P>(path: P) -> Result<Self, ::libloading::Error>
    where
        P: AsRef<::std::ffi::OsStr>,
    {
        let library = ::libloading::Library::new(path)?;
        Self::from_library(library)
    }
    pub unsafe fn from_library<L>(library: L) -> Result<Self, ::libloading::Error>
    where
        L: Into<::libloading::Library>,
    {
        let __library = library.into();
        let adios2_init_serial = __library.get(b"adios2_init_serial\0").map(|sym| *sym)?;
        let adios2_init_config_serial = __library.get(b"adios2_init_config_serial\0").map(|sym| *sym)?;
        let adios2_declare_io = __library.get(b"adios2_declare_io\0").map(|sym| *sym)?;
        let adios2_finalize = __library.get(b"adios2_finalize\0").map(|sym| *sym)?;
        let adios2_attribute_name = __library.get(b"adios2_attribute_name\0").map(|sym| *sym)?;
        let adios2_attribute_type = __library.get(b"adios2_attribute_type\0").map(|sym| *sym)?;
        let adios2_attribute_is_value = __library.get(b"adios2_attribute_is_value\0").map(|sym| *sym)?;
        let adios2_attribute_size = __library.get(b"adios2_attribute_size\0").map(|sym| *sym)?;
        let adios2_attribute_data = __library.get(b"adios2_attribute_data\0").map(|sym| *sym)?;
        let adios2_attribute_string_data = __library.get(b"adios2_attribute_string_data\0").map(|sym| *sym)?;
        let adios2_attribute_string_data_array =
            __library.get(b"adios2_attribute_string_data_array\0").map(|sym| *sym)?;
        let adios2_engine_get_type = __library.get(b"adios2_engine_get_type\0").map(|sym| *sym)?;
        let adios2_begin_step = __library.get(b"adios2_begin_step\0").map(|sym| *sym)?;
        let adios2_steps = __library.get(b"adios2_steps\0").map(|sym| *sym)?;
        let adios2_put = __library.get(b"adios2_put\0").map(|sym| *sym)?;
        let adios2_get = __library.get(b"adios2_get\0").map(|sym| *sym)?;
        let adios2_end_step = __library.get(b"adios2_end_step\0").map(|sym| *sym)?;
        let adios2_close = __library.get(b"adios2_close\0").map(|sym| *sym)?;
        let adios2_inquire_blockinfo = __library.get(b"adios2_inquire_blockinfo\0").map(|sym| *sym)?;
        let adios2_free_blockinfo = __library.get(b"adios2_free_blockinfo\0").map(|sym| *sym)?;
        let adios2_define_variable = __library.get(b"adios2_define_variable\0").map(|sym| *sym)?;
        let adios2_inquire_variable = __library.get(b"adios2_inquire_variable\0").map(|sym| *sym)?;
        let adios2_inquire_all_variables = __library.get(b"adios2_inquire_all_variables\0").map(|sym| *sym)?;
        let adios2_define_attribute = __library.get(b"adios2_define_attribute\0").map(|sym| *sym)?;
        let adios2_define_attribute_array = __library.get(b"adios2_define_attribute_array\0").map(|sym| *sym)?;
        let adios2_inquire_all_attributes = __library.get(b"adios2_inquire_all_attributes\0").map(|sym| *sym)?;
        let adios2_open = __library.get(b"adios2_open\0").map(|sym| *sym)?;
        let adios2_set_shape = __library.get(b"adios2_set_shape\0").map(|sym| *sym)?;
        let adios2_set_block_selection = __library.get(b"adios2_set_block_selection\0").map(|sym| *sym)?;
        let adios2_set_selection = __library.get(b"adios2_set_selection\0").map(|sym| *sym)?;
        let adios2_set_step_selection = __library.get(b"adios2_set_step_selection\0").map(|sym| *sym)?;
        let adios2_variable_name = __library.get(b"adios2_variable_name\0").map(|sym| *sym)?;
        let adios2_variable_type = __library.get(b"adios2_variable_type\0").map(|sym| *sym)?;
        let adios2_variable_shapeid = __library.get(b"adios2_variable_shapeid\0").map(|sym| *sym)?;
        let adios2_variable_ndims = __library.get(b"adios2_variable_ndims\0").map(|sym| *sym)?;
        let adios2_variable_shape = __library.get(b"adios2_variable_shape\0").map(|sym| *sym)?;
        let adios2_variable_steps = __library.get(b"adios2_variable_steps\0").map(|sym| *sym)?;
        Ok(Adios2C {
            __library,
            adios2_init_serial,
            adios2_init_config_serial,
            adios2_declare_io,
            adios2_finalize,
            adios2_attribute_name,
            adios2_attribute_type,
            adios2_attribute_is_value,
            adios2_attribute_size,
            adios2_attribute_data,
            adios2_attribute_string_data,
            adios2_attribute_string_data_array,
            adios2_engine_get_type,
            adios2_begin_step,
            adios2_steps,
            adios2_put,
            adios2_get,
            adios2_end_step,
            adios2_close,
            adios2_inquire_blockinfo,
            adios2_free_blockinfo,
            adios2_define_variable,
            adios2_inquire_variable,
            adios2_inquire_all_variables,
            adios2_define_attribute,
            adios2_define_attribute_array,
            adios2_inquire_all_attributes,
            adios2_open,
            adios2_set_shape,
            adios2_set_block_selection,
            adios2_set_selection,
            adios2_set_step_selection,
            adios2_variable_name,
            adios2_variable_type,
            adios2_variable_shapeid,
            adios2_variable_ndims,
            adios2_variable_shape,
            adios2_variable_steps,
        })
    }
    pub unsafe fn adios2_init_serial(&self) -> *mut adios2_adios {
        (self.adios2_init_serial)()
    }
    pub unsafe fn adios2_init_config_serial(&self, config_file: *const ::std::os::raw::c_char) -> *mut adios2_adios {
        (self.adios2_init_config_serial)(config_file)
    }
    pub unsafe fn adios2_declare_io(
        &self,
        adios: *mut adios2_adios,
        name: *const ::std::os::raw::c_char,
    ) -> *mut adios2_io {
        (self.adios2_declare_io)(adios, name)
    }
    pub unsafe fn adios2_finalize(&self, adios: *mut adios2_adios) -> adios2_error {
        (self.adios2_finalize)(adios)
    }
    pub unsafe fn adios2_attribute_name(
        &self,
        name: *mut ::std::os::raw::c_char,
        size: *mut usize,
        attribute: *const adios2_attribute,
    ) -> adios2_error {
        (self.adios2_attribute_name)(name, size, attribute)
    }
    pub unsafe fn adios2_attribute_type(
        &self,
        type_: *mut adios2_type,
        attribute: *const adios2_attribute,
    ) -> adios2_error {
        (self.adios2_attribute_type)(type_, attribute)
    }
    pub unsafe fn adios2_attribute_is_value(
        &self,
        result: *mut adios2_bool,
        attribute: *const adios2_attribute,
    ) -> adios2_error {
        (self.adios2_attribute_is_value)(result, attribute)
    }
    pub unsafe fn adios2_attribute_size(&self, size: *mut usize, attribute: *const adios2_attribute) -> adios2_error {
        (self.adios2_attribute_size)(size, attribute)
    }
    pub unsafe fn adios2_attribute_data(
        &self,
        data: *mut ::std::os::raw::c_void,
        size: *mut usize,
        attribute: *const adios2_attribute,
    ) -> adios2_error {
        (self.adios2_attribute_data)(data, size, attribute)
    }
    pub unsafe fn adios2_attribute_string_data(
        &self,
        attribute: *const adios2_attribute,
        data: *mut ::std::os::raw::c_char,
        length: *mut usize,
    ) -> adios2_error {
        (self.adios2_attribute_string_data)(attribute, data, length)
    }
    pub unsafe fn adios2_attribute_string_data_array(
        &self,
        attribute: *const adios2_attribute,
        data: *mut *mut ::std::os::raw::c_char,
        lengths: *mut usize,
    ) -> adios2_error {
        (self.adios2_attribute_string_data_array)(attribute, data, lengths)
    }
    pub unsafe fn adios2_engine_get_type(
        &self,
        type_: *mut ::std::os::raw::c_char,
        size: *mut usize,
        engine: *const adios2_engine,
    ) -> adios2_error {
        (self.adios2_engine_get_type)(type_, size, engine)
    }
    pub unsafe fn adios2_begin_step(
        &self,
        engine: *mut adios2_engine,
        mode: adios2_step_mode,
        timeout_seconds: f32,
        status: *mut adios2_step_status,
    ) -> adios2_error {
        (self.adios2_begin_step)(engine, mode, timeout_seconds, status)
    }
    pub unsafe fn adios2_steps(&self, steps: *mut usize, engine: *const adios2_engine) -> adios2_error {
        (self.adios2_steps)(steps, engine)
    }
    pub unsafe fn adios2_put(
        &self,
        engine: *mut adios2_engine,
        variable: *mut adios2_variable,
        data: *const ::std::os::raw::c_void,
        launch: adios2_mode,
    ) -> adios2_error {
        (self.adios2_put)(engine, variable, data, launch)
    }
    pub unsafe fn adios2_get(
        &self,
        engine: *mut adios2_engine,
        variable: *mut adios2_variable,
        data: *mut ::std::os::raw::c_void,
        launch: adios2_mode,
    ) -> adios2_error {
        (self.adios2_get)(engine, variable, data, launch)
    }
    pub unsafe fn adios2_end_step(&self, engine: *mut adios2_engine) -> adios2_error {
        (self.adios2_end_step)(engine)
    }
    pub unsafe fn adios2_close(&self, engine: *mut adios2_engine) -> adios2_error {
        (self.adios2_close)(engine)
    }
    pub unsafe fn adios2_inquire_blockinfo(
        &self,
        engine: *mut adios2_engine,
        variable: *mut adios2_variable,
        step: usize,
    ) -> *mut adios2_varinfo {
        (self.adios2_inquire_blockinfo)(engine, variable, step)
    }
    pub unsafe fn adios2_free_blockinfo(&self, data_blocks: *mut adios2_varinfo) {
        (self.adios2_free_blockinfo)(data_blocks)
    }
    pub unsafe fn adios2_define_variable(
        &self,
        io: *mut adios2_io,
        name: *const ::std::os::raw::c_char,
        type_: adios2_type,
        ndims: usize,
        shape: *const usize,
        start: *const usize,
        count: *const usize,
        constant_dims: adios2_constant_dims,
    ) -> *mut adios2_variable {
        (self.adios2_define_variable)(io, name, type_, ndims, shape, start, count, constant_dims)
    }
    pub unsafe fn adios2_inquire_variable(
        &self,
        io: *mut adios2_io,
        name: *const ::std::os::raw::c_char,
    ) -> *mut adios2_variable {
        (self.adios2_inquire_variable)(io, name)
    }
    pub unsafe fn adios2_inquire_all_variables(
        &self,
        variables: *mut *mut *mut adios2_variable,
        size: *mut usize,
        io: *mut adios2_io,
    ) -> adios2_error {
        (self.adios2_inquire_all_variables)(variables, size, io)
    }
    pub unsafe fn adios2_define_attribute(
        &self,
        io: *mut adios2_io,
        name: *const ::std::os::raw::c_char,
        type_: adios2_type,
        value: *const ::std::os::raw::c_void,
    ) -> *mut adios2_attribute {
        (self.adios2_define_attribute)(io, name, type_, value)
    }
    pub unsafe fn adios2_define_attribute_array(
        &self,
        io: *mut adios2_io,
        name: *const ::std::os::raw::c_char,
        type_: adios2_type,
        data: *const ::std::os::raw::c_void,
        size: usize,
    ) -> *mut adios2_attribute {
        (self.adios2_define_attribute_array)(io, name, type_, data, size)
    }
    pub unsafe fn adios2_inquire_all_attributes(
        &self,
        attributes: *mut *mut *mut adios2_attribute,
        size: *mut usize,
        io: *mut adios2_io,
    ) -> adios2_error {
        (self.adios2_inquire_all_attributes)(attributes, size, io)
    }
    pub unsafe fn adios2_open(
        &self,
        io: *mut adios2_io,
        name: *const ::std::os::raw::c_char,
        mode: adios2_mode,
    ) -> *mut adios2_engine {
        (self.adios2_open)(io, name, mode)
    }
    pub unsafe fn adios2_set_shape(
        &self,
        variable: *mut adios2_variable,
        ndims: usize,
        shape: *const usize,
    ) -> adios2_error {
        (self.adios2_set_shape)(variable, ndims, shape)
    }
    pub unsafe fn adios2_set_block_selection(&self, variable: *mut adios2_variable, block_id: usize) -> adios2_error {
        (self.adios2_set_block_selection)(variable, block_id)
    }
    pub unsafe fn adios2_set_selection(
        &self,
        variable: *mut adios2_variable,
        ndims: usize,
        start: *const usize,
        count: *const usize,
    ) -> adios2_error {
        (self.adios2_set_selection)(variable, ndims, start, count)
    }
    pub unsafe fn adios2_set_step_selection(
        &self,
        variable: *mut adios2_variable,
        step_start: usize,
        step_count: usize,
    ) -> adios2_error {
        (self.adios2_set_step_selection)(variable, step_start, step_count)
    }
    pub unsafe fn adios2_variable_name(
        &self,
        name: *mut ::std::os::raw::c_char,
        size: *mut usize,
        variable: *const adios2_variable,
    ) -> adios2_error {
        (self.adios2_variable_name)(name, size, variable)
    }
    pub unsafe fn adios2_variable_type(
        &self,
        type_: *mut adios2_type,
        variable: *const adios2_variable,
    ) -> adios2_error {
        (self.adios2_variable_type)(type_, variable)
    }
    pub unsafe fn adios2_variable_shapeid(
        &self,
        shapeid: *mut adios2_shapeid,
        variable: *const adios2_variable,
    ) -> adios2_error {
        (self.adios2_variable_shapeid)(shapeid, variable)
    }
    pub unsafe fn adios2_variable_ndims(&self, ndims: *mut usize, variable: *const adios2_variable) -> adios2_error {
        (self.adios2_variable_ndims)(ndims, variable)
    }
    pub unsafe fn adios2_variable_shape(&self, shape: *mut usize, variable: *const adios2_variable) -> adios2_error {
        (self.adios2_variable_shape)(shape, variable)
    }
    pub unsafe fn adios2_variable_steps(&self, steps: *mut usize, variable: *const adios2_variable) -> adios2_error {
        (self.adios2_variable_steps)(steps, variable)
    }
}
