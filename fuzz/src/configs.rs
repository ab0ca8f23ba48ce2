//! What is done with hostile configs of `inr train`: the command's own modules, as it compiles them.

#[allow(dead_code, reason = "the command uses more of it")]
#[path = "../../src/bin/inr/train/config.rs"]
mod config;
#[path = "../../src/bin/inr/train/load.rs"]
mod load;
#[path = "../../src/bin/inr/train/tables.rs"]
mod tables;

use crate::targets::memory;

/// The command's error for what a user wrote; its modules look for it here.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Configs of `inr train`.
pub fn read(data: &[u8]) {
    if let Err(error) = n_runs(data) {
        assert!(!error.to_string().is_empty());
    }
}

/// Runs of a config, each of which is what is read back from its folder.
pub fn n_runs(data: &[u8]) -> anyhow::Result<usize> {
    let path = |what: &str| memory().join(format!("inr-fuzz-{}-{what}.toml", std::process::id()));
    std::fs::write(path("config"), data)?;
    let configs = load::read(&path("config"), &[]);
    for config in configs.iter().flatten() {
        let text = load::to_toml(config).expect("a run's folder takes any config that was read");
        std::fs::write(path("run"), text)?;
        let again = load::read_resolved(&path("run")).expect("a config that was written is read");
        // Not a number is unlike itself.
        assert_eq!(format!("{again:?}"), format!("{config:?}"));
    }
    ["config", "run"].iter().for_each(|what| drop(std::fs::remove_file(path(what))));
    Ok(configs?.len())
}

/// Configs that the command takes.
pub fn seeds() -> Vec<Vec<u8>> {
    let runs = "preset = 'tinr'\nseeds = [0, 1]\nsketch_ratio = 0.1\n[data]\npath = 'u.npy'\naxes = 'tyxc'\nsteps = [2, 9]\n\
                [series]\nwidth = 16\nrate = 1e-3\n[series.sketch]\nkind = 'fjlt'\n[[runs]]\nname = 'a'\n[[runs]]\nname = 'b'\n\
                method = 'offline-full'\nseries.width = 24\n";
    let page = include_str!("../../docs/TRAINING.md");
    let whole = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).expect("a config").0;
    [runs, whole].map(|text| text.as_bytes().to_vec()).to_vec()
}
