//! A report as one HTML file that needs no network: sentences first, then charts, tables and pictures.

mod charts;
mod html;

pub use html::write;

use serde::Serialize;

use crate::plot::Panel;
use crate::table::Table;

/// What is on a page, from top to bottom.
pub struct Page {
    pub title: String,
    /// What a reader should know after ten seconds.
    pub lead: Vec<Sentence>,
    pub sections: Vec<Section>,
    /// Machine, versions and command: how to get the same numbers again.
    pub footer: String,
}

/// The command that is running, for footers.
pub fn command() -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once("inr".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// A sentence of the lead.
#[derive(Serialize)]
pub struct Sentence {
    verdict: Verdict,
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Win,
    Loss,
    Neutral,
}

impl Sentence {
    pub fn win(text: impl Into<String>) -> Sentence {
        Sentence { verdict: Verdict::Win, text: text.into() }
    }

    pub fn loss(text: impl Into<String>) -> Sentence {
        Sentence { verdict: Verdict::Loss, text: text.into() }
    }

    pub fn neutral(text: impl Into<String>) -> Sentence {
        Sentence { verdict: Verdict::Neutral, text: text.into() }
    }
}

/// A part of the page with an entry in its contents.
pub struct Section {
    pub heading: String,
    /// Paragraphs before the items.
    pub text: Vec<String>,
    pub items: Vec<Item>,
}

/// What a section shows.
pub enum Item {
    Charts(Vec<Panel>),
    Table(Table),
    /// Side by side, in rows as wide as the window.
    Pictures(Vec<Picture>),
}

/// A PNG file and what it shows.
pub struct Picture {
    pub caption: String,
    pub png: Vec<u8>,
}
