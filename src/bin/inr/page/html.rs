//! Pages to HTML: the template with everything it needs inside, so that the file can be mailed and archived.

use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};
use serde::Serialize;

use super::charts::Chart;
use super::{Item, Page, Section, Sentence};
use crate::table::{Cell, Mark, Table};

const TEMPLATE: &str = include_str!("assets/page.html");
/// For errors, which only a mistake in the template makes.
const WHAT: &str = "the template of pages";
const STYLE: &str = include_str!("assets/page.css");
const SCRIPTS: [&str; 5] = [
    include_str!("assets/chartjs/chart.umd.min.js"),
    include_str!("assets/chartjs-zoom/chartjs-plugin-zoom.min.js"),
    include_str!("assets/sortable/sortable.min.js"),
    include_str!("assets/sortable/sortable.a11y.min.js"),
    include_str!("assets/page.js"),
];

/// What the template sees.
#[derive(Serialize)]
struct View<'a> {
    title: &'a str,
    lead: &'a [Sentence],
    sections: Vec<SectionView<'a>>,
    footer: &'a str,
    version: &'static str,
    style: &'static str,
    scripts: Vec<String>,
}

#[derive(Serialize)]
struct SectionView<'a> {
    heading: &'a str,
    text: &'a [String],
    items: Vec<ItemView<'a>>,
}

/// One of these has something.
#[derive(Default, Serialize)]
struct ItemView<'a> {
    charts: Vec<Chart>,
    table: Option<TableView<'a>>,
    pictures: Vec<PictureView<'a>>,
}

#[derive(Serialize)]
struct TableView<'a> {
    header: Vec<HeaderView<'a>>,
    rows: Vec<Vec<CellView<'a>>>,
}

#[derive(Serialize)]
struct HeaderView<'a> {
    text: &'a str,
    is_number: bool,
}

#[derive(Serialize)]
struct CellView<'a> {
    text: &'a str,
    is_number: bool,
    /// What sorting goes by; none: the text.
    sort: Option<String>,
    mark: Option<Mark>,
}

#[derive(Serialize)]
struct PictureView<'a> {
    caption: &'a str,
    base64: String,
}

/// Writes the page to a file; returns its name.
pub fn write(path: &Path, page: &Page) -> Result<String> {
    let html = render(page)?;
    crate::output::write_whole(path, |w| Ok(w.write_all(html.as_bytes())?))?;
    Ok(path.display().to_string())
}

/// The page as one HTML file.
fn render(page: &Page) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.context(WHAT)?);
    environment.add_template("page.html", TEMPLATE).context(WHAT)?;
    let view = View {
        title: &page.title,
        lead: &page.lead,
        sections: page.sections.iter().map(section).collect(),
        footer: &page.footer,
        version: env!("CARGO_PKG_VERSION"),
        style: STYLE,
        scripts: SCRIPTS.map(without_source_map).to_vec(),
    };
    environment.get_template("page.html").and_then(|template| template.render(Serde(view))).context(WHAT)
}

/// Developer tools would look for the file.
fn without_source_map(script: &str) -> String {
    script.lines().filter(|line| !line.starts_with("//# sourceMappingURL=")).map(|line| format!("{line}\n")).collect()
}

fn section(section: &Section) -> SectionView<'_> {
    SectionView { heading: &section.heading, text: &section.text, items: section.items.iter().map(item).collect() }
}

fn item(item: &Item) -> ItemView<'_> {
    match item {
        Item::Charts(panels) => ItemView { charts: panels.iter().map(Chart::of).collect(), ..ItemView::default() },
        Item::Table(table) => ItemView { table: Some(table_view(table)), ..ItemView::default() },
        Item::Pictures(pictures) => {
            let one = |p: &super::Picture| BASE64.encode(&p.png);
            let pictures = pictures.iter().map(|p| PictureView { caption: &p.caption, base64: one(p) }).collect();
            ItemView { pictures, ..ItemView::default() }
        }
    }
}

fn table_view(table: &Table) -> TableView<'_> {
    let is_number = |column: usize| column >= table.n_left;
    let header = table.header.iter().enumerate();
    TableView {
        header: header.map(|(c, text)| HeaderView { text, is_number: is_number(c) }).collect(),
        rows: table.rows.iter().map(|cells| row_view(cells, table.n_left)).collect(),
    }
}

fn row_view(cells: &[Cell], n_left: usize) -> Vec<CellView<'_>> {
    cells.iter().enumerate().map(|(column, cell)| cell_view(cell, column >= n_left)).collect()
}

fn cell_view(cell: &Cell, is_number: bool) -> CellView<'_> {
    let sort = is_number.then(|| cell.as_number().map_or(String::new(), sort_key));
    CellView { text: &cell.text, is_number, sort, mark: cell.mark }
}

/// A number as JavaScript reads it; what is none comes last.
fn sort_key(value: f64) -> String {
    match value {
        v if v.is_nan() => String::new(),
        v if v.is_infinite() => if v > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        v => format!("{v:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Picture;
    use super::*;
    use crate::plot::Panel;

    fn page() -> Page {
        let hostile = "</script><b onclick=\"x\">&'";
        let series = vec![(hostile.to_owned(), vec![(0.0, 1.0), (1.0, f64::NAN)])];
        let panel = Panel { title: hostile.into(), series, ..Panel::default() };
        let mut table = Table::new([hostile, "number"], 1);
        table.row([Cell::from(hostile), Cell::error(2e-3).marked(Mark::Missed, true)]);
        let picture = Picture { caption: hostile.into(), png: b"\x89PNG".to_vec() };
        let items = vec![Item::Charts(vec![panel]), Item::Table(table), Item::Pictures(vec![picture])];
        let section = Section { heading: hostile.into(), text: vec![hostile.into()], items };
        let lead = vec![Sentence::win(hostile), Sentence::loss(hostile), Sentence::neutral(hostile)];
        Page { title: hostile.into(), lead, sections: vec![section], footer: hostile.into() }
    }

    #[test]
    fn names_of_data_are_never_markup() {
        let html = render(&page()).unwrap();
        assert!(!html.contains("<b onclick") && html.contains("&lt;b onclick"), "{html}");
        assert_eq!(html.matches("</script>").count(), html.matches("<script").count());
    }

    #[test]
    fn a_page_holds_everything_it_shows() {
        let html = render(&page()).unwrap();
        assert!(html.contains("data:image/png;base64,iVBORw=="), "the picture");
        assert!(html.contains("data-sort=\"0.002\"") && html.contains("class=\"missed"), "the table");
        assert!(
            !html.contains("sourceMappingURL")
                && !html.contains("src=\"http")
                && !html.contains("<link rel=\"stylesheet")
        );
    }
}
