//! Whether a machine can have a GPU at all: drivers show theirs as device files. Looking at these is free, while the Vulkan loader starts
//! every driver that is installed, which takes longer than a small encode and may write to stderr.

use std::path::Path;

/// Folder and beginning of the names: render nodes of the kernel's drivers, and what drivers without one have.
const PLACES: [(&str, &str); 7] = [
    ("dev/dri", "renderD"),
    ("dev", "nvidia"),
    ("dev", "dxg"),
    ("dev", "kfd"),
    ("dev", "mali"),
    ("dev", "kgsl"),
    ("dev", "pvr"),
];

/// False where there is no file of a GPU; true on systems that have no such files.
pub fn may_have_gpu() -> bool {
    cfg!(not(target_os = "linux")) || are_below(Path::new("/"))
}

fn are_below(root: &Path) -> bool {
    PLACES.iter().any(|(folder, start)| {
        let files = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        files.map(|file| file.file_name()).any(|name| name.to_string_lossy().starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_render_node_or_a_vendors_file_is_a_gpu_and_a_screen_alone_is_none() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("dev/dri")).unwrap();
        std::fs::write(root.path().join("dev/dri/card0"), "").unwrap();
        assert!(!are_below(root.path()));
        for file in ["dev/dri/renderD128", "dev/nvidia0", "dev/dxg"] {
            std::fs::write(root.path().join(file), "").unwrap();
            assert!(are_below(root.path()), "{file}");
            std::fs::remove_file(root.path().join(file)).unwrap();
        }
        assert!(!are_below(root.path()));
    }
}
