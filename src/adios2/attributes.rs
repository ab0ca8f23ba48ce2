//! Attributes: what a dataset says about itself beside its variables.
#![expect(unsafe_code, reason = "C calls")]

use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};

use super::bindings as c;
use super::dataset::{Dataset, dtype};
use super::library::{c_string, failed};
use super::writer::Writer;
use crate::Result;

/// An attribute with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its name; that of a variable's attribute starts with the variable's name.
    pub name: String,
    /// False for an array, which may have one element.
    pub is_value: bool,
    content: Content,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    Numbers { code: c::adios2_type, n: usize, bytes: Vec<u8> },
    Strings(Vec<CString>),
}

impl Dataset {
    /// All attributes, by name.
    ///
    /// # Errors
    /// [`crate::Error::File`] when one cannot be read or has a type without a counterpart in C.
    pub fn attributes(&self) -> Result<Vec<Attribute>> {
        let (inquire, what) = (self.library.api.adios2_inquire_all_attributes, "list the attributes");
        // SAFETY: a live IO.
        let all = unsafe { self.library.all(inquire, self.io.as_ptr(), (&self.path, what)) }?;
        let mut attributes = all.into_iter().map(|handle| self.attribute(handle)).collect::<Result<Vec<_>>>()?;
        attributes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(attributes)
    }

    fn attribute(&self, handle: *const c::adios2_attribute) -> Result<Attribute> {
        let api = &self.library.api;
        let check = |status| self.library.check(status as i32, &self.path, "read an attribute");
        let (mut code, mut is_value, mut n) = (0, 0, 0);
        // SAFETY: a live attribute.
        let name = unsafe { self.library.name(api.adios2_attribute_name, handle, (&self.path, "read an attribute")) }?;
        // SAFETY: outputs of ours.
        check(unsafe { api.adios2_attribute_type(&mut code, handle) })?;
        // SAFETY: outputs of ours.
        check(unsafe { api.adios2_attribute_is_value(&mut is_value, handle) })?;
        // SAFETY: outputs of ours.
        check(unsafe { api.adios2_attribute_size(&mut n, handle) })?;
        let is_value = is_value != c::adios2_false;
        let content = if code == c::adios2_type_string {
            Content::Strings(self.strings(handle, is_value, n)?)
        } else {
            let unknown = || failed(&self.path, &format!("attribute '{name}' has a type that is not read here"));
            let mut bytes = vec![0u8; n * dtype(code).ok_or_else(unknown)?.size()];
            // SAFETY: room for `n` elements of the type.
            check(unsafe { api.adios2_attribute_data(bytes.as_mut_ptr().cast(), &mut n, handle) })?;
            Content::Numbers { code, n, bytes }
        };
        Ok(Attribute { name, is_value, content })
    }

    fn strings(&self, handle: *const c::adios2_attribute, is_value: bool, n: usize) -> Result<Vec<CString>> {
        let api = &self.library.api;
        let check = |status| self.library.check(status as i32, &self.path, "read an attribute");
        let text =
            |bytes: Vec<u8>| CString::new(bytes.split(|&b| b == 0).next().unwrap_or_default()).unwrap_or_default();
        let mut lengths = vec![0; if is_value { 1 } else { n }];
        if is_value {
            // SAFETY: null asks for the length, which is ours.
            check(unsafe { api.adios2_attribute_string_data(handle, ptr::null_mut(), lengths.as_mut_ptr()) })?;
        } else {
            // SAFETY: null asks for `n` lengths, which are ours.
            check(unsafe { api.adios2_attribute_string_data_array(handle, ptr::null_mut(), lengths.as_mut_ptr()) })?;
        }
        let mut buffers: Vec<Vec<u8>> = lengths.iter().map(|length| vec![0u8; length + 1]).collect();
        if is_value {
            // SAFETY: room for the length just asked for and an end.
            check(unsafe {
                api.adios2_attribute_string_data(handle, buffers[0].as_mut_ptr().cast(), lengths.as_mut_ptr())
            })?;
        } else {
            let mut pointers: Vec<_> = buffers.iter_mut().map(|buffer| buffer.as_mut_ptr().cast()).collect();
            // SAFETY: `n` buffers with room for the lengths just asked for and an end.
            check(unsafe {
                api.adios2_attribute_string_data_array(handle, pointers.as_mut_ptr(), lengths.as_mut_ptr())
            })?;
        }
        Ok(buffers.into_iter().map(text).collect())
    }
}

impl Writer {
    /// Gives the dataset an attribute.
    ///
    /// # Errors
    /// [`crate::Error::File`] when ADIOS2 refuses.
    pub fn attribute(&self, attribute: &Attribute) -> Result<()> {
        let name = c_string(&attribute.name)?;
        let pointers: Vec<_>;
        let (code, n, value, array): (_, _, *const c_void, *const c_void) = match &attribute.content {
            Content::Numbers { code, n, bytes } => (*code, *n, bytes.as_ptr().cast(), bytes.as_ptr().cast()),
            Content::Strings(texts) => {
                pointers = texts.iter().map(|text| text.as_ptr()).collect();
                let first = pointers.first().map_or(ptr::null(), |text| text.cast());
                (c::adios2_type_string, pointers.len(), first, pointers.as_ptr().cast())
            }
        };
        let api = &self.library.api;
        let defined = if attribute.is_value {
            // SAFETY: live handle, terminated name, one value of the type.
            unsafe { api.adios2_define_attribute(self.io.as_ptr(), name.as_ptr(), code, value) }
        } else {
            // SAFETY: live handle, terminated name, `n` values of the type.
            unsafe { api.adios2_define_attribute_array(self.io.as_ptr(), name.as_ptr(), code, array, n) }
        };
        let refused = || failed(&self.path, &format!("attribute '{}' cannot be defined", attribute.name));
        NonNull::new(defined).map(drop).ok_or_else(refused)
    }
}
