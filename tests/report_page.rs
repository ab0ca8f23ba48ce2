//! The page of `inr report --html` in a browser: what people see, point at and click. `INR_TEST_CHROMIUM` names the browser when the tests are
//! built; `scripts/test.sh` looks for one.
#![cfg(feature = "cli")]

#[path = "common/browser.rs"]
mod browser;
mod cli_common;

use std::path::Path;

use browser::Browser;
use cli_common::{Npy, inr, run, stdout};
use serde_json::Value;
use tempfile::TempDir;

/// Sizes that stand in another order as text.
const VARIABLES: [(&str, usize); 3] = [("u", 4), ("v", 40), ("w", 16)];

/// The report of three series, open, and its JSON.
fn opened() -> (Browser, Value, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let [log, page] = ["run.jsonl", "run.html"].map(|n| folder.path().join(n));
    for (name, side) in VARIABLES {
        let [input, record] = ["npy", "inr"].map(|e| folder.path().join(format!("{name}.{e}")));
        std::fs::write(&input, Npy::moving(&[6, side, 40, 1]).file("<", false)).unwrap();
        let flags = ["--temporal", "predict", "--accuracy", "1e-3", "--norm", "Linf", "--threshold", "0", "--log"];
        run(inr().arg("encode").args([&input, &record]).args(flags).arg(&log), 0);
    }
    // As if one simulation had written them to one dataset.
    let lines = std::fs::read_to_string(&log).unwrap();
    let of_one = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["dataset"] = "run.bp".into();
        format!("{line}\n")
    };
    std::fs::write(&log, lines.lines().map(of_one).collect::<String>()).unwrap();
    let told = run(inr().arg("report").arg(&log).arg("--json").arg("--html").arg(&page), 0);
    let mut browser = Browser::start();
    browser.open(&page);
    (browser, serde_json::from_str(&stdout(&told)).unwrap(), folder)
}

const CANVAS: &str = "document.querySelector('canvas')";

/// Pixels of the first chart that have the colour of a series.
fn n_coloured(browser: &mut Browser, rgb: [u8; 3]) -> u64 {
    let count = format!(
        "(c => {{ const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0; \
         for (let i = 0; i < p.length; i += 4) n += p[i] == {} && p[i + 1] == {} && p[i + 2] == {}; return n; }})({CANVAS})",
        rgb[0], rgb[1], rgb[2]
    );
    browser.eval(&count).as_u64().unwrap()
}

#[test]
#[cfg_attr(not(test_chromium), ignore = "set INR_TEST_CHROMIUM to a Chromium and build again")]
fn the_page_opens_without_errors_and_without_the_network() {
    let (mut browser, _, _folder) = opened();
    browser.eval("document.fonts.ready.then(() => 0)");
    let of = |method: &str| browser.events.iter().filter(|e| e["method"] == method).collect::<Vec<_>>();
    let asked: Vec<_> = of("Network.requestWillBeSent").iter().map(|e| e["params"]["request"]["url"].clone()).collect();
    let is_inside = |url: &Value| url.as_str().is_some_and(|url| url.starts_with("file:") || url.starts_with("data:"));
    assert!(!asked.is_empty() && asked.iter().all(is_inside), "{asked:?}");
    let complaints = ["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"].map(of).concat();
    assert!(complaints.is_empty(), "{complaints:?}");
    // Errors would have been told.
    browser.eval("setTimeout(() => console.error('heard'))");
    browser.eval("new Promise(done => setTimeout(done, 50))");
    assert!(browser.events.iter().any(|e| e["method"] == "Runtime.consoleAPICalled" && e["params"]["type"] == "error"));
}

#[test]
#[cfg_attr(not(test_chromium), ignore = "set INR_TEST_CHROMIUM to a Chromium and build again")]
fn the_report_of_a_bench_opens_without_errors_with_charts_that_toggle_tables_that_sort_and_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let [input, out] = ["u.npy", "out"].map(|n| folder.path().join(n));
    std::fs::write(&input, Npy::moving(&[6, 40, 40, 1]).file("<", false)).unwrap();
    let flags =
        ["--time-axis", "0", "--ours", "threshold=0", "--ours", "threshold=0,effort=fast", "--peers", "none", "-o"];
    run(inr().arg("bench").arg(&input).args(flags).arg(&out), 0);
    let mut browser = Browser::start();
    browser.open(&out.join("report.html"));
    let complaints = ["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"];
    let told: Vec<_> = browser.events.iter().filter(|e| complaints.iter().any(|c| e["method"] == *c)).collect();
    assert!(told.is_empty(), "{told:?}");
    let button = "document.querySelectorAll('.legend button')[1]";
    let n = n_coloured(&mut browser, [213, 94, 0]);
    browser.click(button);
    assert!(n > 0 && n_coloured(&mut browser, [213, 94, 0]) == 0, "{n}");
    // The pictures are there: original, and two of each codec.
    let widths = browser.eval("[...document.querySelectorAll('figure img')].map(i => i.naturalWidth)");
    assert!(widths.as_array().unwrap().len() == 5 && widths.as_array().unwrap().iter().all(|w| w.as_u64() > Some(100)));
    let bytes = "[...document.querySelectorAll('table')[2].tBodies[0].rows].map(r => +r.cells[1].textContent.replaceAll(',', ''))";
    browser.click("document.querySelectorAll('table')[2].tHead.rows[0].cells[1]");
    let shown: Vec<u64> = browser.eval(bytes).as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect();
    assert!(shown.len() == 2 && (shown.is_sorted() || shown.iter().rev().is_sorted()), "{shown:?}");
    for (width, scheme) in [(1280, "light"), (480, "dark")] {
        let png = browser.screenshot(width, scheme);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-page-{width}-{scheme}.png"));
        std::fs::write(&path, &png).unwrap();
        assert!(n_colours(&png) > 50, "{}: blank", path.display());
    }
}

#[test]
#[cfg_attr(not(test_chromium), ignore = "set INR_TEST_CHROMIUM to a Chromium and build again")]
fn pointing_at_a_line_shows_its_values() {
    let (mut browser, told, _folder) = opened();
    let tooltip = format!(
        "(t => t.opacity > 0 ? [t.title, t.body.map(b => b.lines)].flat(3).join('; ') : '')(Chart.getChart({CANVAS}).tooltip)"
    );
    assert_eq!(browser.eval(&tooltip), "");
    let before = browser.eval(&format!("{CANVAS}.toDataURL()"));
    let place = browser.place(CANVAS, [0.98, 0.5]);
    browser.mouse("mouseMoved", place, 0);
    let shown = browser.eval(&tooltip).as_str().unwrap().to_owned();
    assert!(shown.starts_with("step 5;"), "{shown}");
    for (i, (name, _)) in VARIABLES.iter().enumerate() {
        let ratio = told["variables"][i]["steps"][5]["ratio"].as_f64().unwrap();
        let value = shown.split(&format!("{name}: ")).nth(1).and_then(|rest| rest.split(';').next()).expect("a value");
        approx::assert_relative_eq!(value.parse::<f64>().unwrap(), ratio, max_relative = 1e-4);
    }
    assert_ne!(browser.eval(&format!("{CANVAS}.toDataURL()")), before, "it is drawn");
}

#[test]
#[cfg_attr(not(test_chromium), ignore = "set INR_TEST_CHROMIUM to a Chromium and build again")]
fn a_click_on_a_name_hides_its_line_and_another_one_shows_it_again() {
    let (mut browser, _, _folder) = opened();
    let (button, rgb) = ("document.querySelectorAll('.legend button')[1]", [213, 94, 0]);
    let is_shown = format!("{button}.getAttribute('aria-pressed')");
    let n = n_coloured(&mut browser, rgb);
    assert!(n > 50, "{n}");
    browser.click(button);
    assert_eq!((n_coloured(&mut browser, rgb), browser.eval(&is_shown)), (0, "false".into()));
    browser.click(button);
    assert_eq!((n_coloured(&mut browser, rgb), browser.eval(&is_shown)), (n, "true".into()));
}

#[test]
#[cfg_attr(not(test_chromium), ignore = "set INR_TEST_CHROMIUM to a Chromium and build again")]
fn dragging_zooms_and_a_double_click_goes_back() {
    let (mut browser, _, _folder) = opened();
    let range = format!("(s => [s.x.min, s.x.max, s.y.min, s.y.max])(Chart.getChart({CANVAS}).scales)");
    let whole = browser.eval(&range);
    let [from, to] = [[0.3, 0.2], [0.7, 0.8]].map(|part| browser.place(CANVAS, part));
    browser.mouse("mouseMoved", from, 0);
    browser.mouse("mousePressed", from, 1);
    let drag = serde_json::json!({"type": "mouseMoved", "x": to[0], "y": to[1], "button": "left", "buttons": 1});
    browser.call("Input.dispatchMouseEvent", drag);
    browser.mouse("mouseReleased", to, 1);
    let part = browser.eval(&range);
    let number = |range: &Value, i: usize| range[i].as_f64().unwrap();
    for low in [0, 2] {
        assert!(number(&part, low) > number(&whole, low) && number(&part, low + 1) < number(&whole, low + 1), "{part}");
    }
    assert_eq!(browser.eval("document.querySelector('.reset').hidden"), false);
    for n_clicks in [1, 2] {
        ["mousePressed", "mouseReleased"].iter().for_each(|kind| browser.mouse(kind, from, n_clicks));
    }
    assert_eq!(browser.eval(&range), whole);
}

#[test]
#[cfg_attr(not(test_chromium), ignore = "set INR_TEST_CHROMIUM to a Chromium and build again")]
fn a_click_on_a_header_sorts_by_number() {
    let (mut browser, told, _folder) = opened();
    let column = "[...document.querySelectorAll('table')[0].tBodies[0].rows].map(r => r.cells[5].textContent)";
    let header =
        "[...document.querySelectorAll('table')[0].tHead.rows[0].cells].find(c => c.textContent == 'raw bytes')";
    let number = |text: &Value| text.as_str().unwrap().replace(',', "").parse::<u64>().unwrap();
    let mut raw: Vec<_> = (0..3).map(|i| told["variables"][i]["raw_bytes"].as_u64().unwrap()).collect();
    raw.sort_unstable();
    for _ in 0..2 {
        raw.reverse();
        browser.click(header);
        let shown = browser.eval(column);
        let texts: Vec<&str> = shown.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
        assert_eq!(shown.as_array().unwrap().iter().map(number).collect::<Vec<_>>(), raw);
        let by_text = {
            let mut sorted = texts.clone();
            sorted.sort_unstable();
            sorted
        };
        assert!(texts != by_text && texts.iter().rev().ne(&by_text), "text would have another order");
    }
}

/// Colours of a PNG file.
fn n_colours(png: &[u8]) -> usize {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let size = info.color_type.samples();
    pixels.chunks(size).collect::<std::collections::HashSet<_>>().len()
}

#[test]
#[cfg_attr(not(test_chromium), ignore = "set INR_TEST_CHROMIUM to a Chromium and build again")]
fn it_fits_wide_and_narrow_screens_in_light_and_dark() {
    let (mut browser, _, _folder) = opened();
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (480, "light"), (480, "dark")] {
        let png = browser.screenshot(width, scheme);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-page-{width}-{scheme}.png"));
        std::fs::write(&path, &png).unwrap();
        assert!(n_colours(&png) > 50, "{}: blank", path.display());
        let beyond = browser.eval("document.documentElement.scrollWidth - innerWidth").as_i64().unwrap();
        assert!(beyond <= 0, "{width}: {beyond} pixels stand out");
        let rgb = browser.eval("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)");
        let is_dark = rgb[0].as_u64().unwrap() < 128;
        assert_eq!(is_dark, scheme == "dark", "{rgb}");
    }
}
