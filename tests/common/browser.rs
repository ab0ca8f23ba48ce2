//! A headless Chromium, driven by its DevTools protocol over pipes: no port, no further crates.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// One window of a browser with a profile of its own.
pub struct Browser {
    process: Child,
    input: ChildStdin,
    answers: Receiver<Value>,
    session: Option<String>,
    n_calls: u64,
    /// Everything that was told without being asked for.
    pub events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// The browser that `INR_TEST_CHROMIUM` named when the tests were built.
    pub fn start() -> Browser {
        let program: Option<&str> = option_env!("INR_TEST_CHROMIUM");
        let program = program.expect("the test is ignored without it");
        let profile = tempfile::tempdir().unwrap();
        // The protocol is spoken over descriptors 3 and 4.
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#, program]).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("sh starts");
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            let messages = BufReader::new(output).split(0).map_while(Result::ok);
            // The receiver goes away with the browser.
            let _ = messages.map(|m| serde_json::from_slice(&m).expect("JSON")).try_for_each(|m| sender.send(m));
        });
        let (session, n_calls, events) = (None, 0, Vec::new());
        let mut browser = Browser { process, input, answers, session, n_calls, events, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = Some(attached["sessionId"].as_str().expect("a session").to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Asks for something and waits for the answer.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.n_calls += 1;
        let mut message = json!({"id": self.n_calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        write!(self.input, "{message}\0").and_then(|()| self.input.flush()).expect("the browser runs");
        loop {
            let answer = self.next();
            if answer["id"] == self.n_calls {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    #[track_caller]
    fn next(&mut self) -> Value {
        self.answers.recv_timeout(PATIENCE).expect("the browser answers")
    }

    /// Opens a file and waits until everything it needs is there.
    pub fn open(&mut self, path: &Path) {
        let url = format!("file://{}", path.display());
        let done = self.call("Page.navigate", json!({"url": url}));
        assert!(done["errorText"].is_null(), "{done}");
        let is_loaded = |event: &Value| event["method"] == "Page.loadEventFired";
        while !self.events.iter().any(is_loaded) {
            let event = self.next();
            self.events.push(event);
        }
    }

    /// The value of an expression, or of what it promises.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let done = self.call("Runtime.evaluate", params);
        assert!(done["exceptionDetails"].is_null(), "{expression}: {done}");
        done["result"]["value"].clone()
    }

    /// Where something is: the place within an element, as parts of its width and height, after it was scrolled to.
    #[track_caller]
    pub fn place(&mut self, element: &str, part: [f64; 2]) -> [f64; 2] {
        let corner = self.eval(&format!(
            "(e => {{ e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect(); \
             return [r.x, r.y, r.width, r.height]; }})({element})"
        ));
        let number = |i: usize| corner[i].as_f64().expect("a number");
        [number(0) + part[0] * number(2), number(1) + part[1] * number(3)]
    }

    /// `mouseMoved`, `mousePressed` or `mouseReleased`.
    pub fn mouse(&mut self, kind: &str, [x, y]: [f64; 2], n_clicks: usize) {
        let button = if kind == "mouseMoved" { "none" } else { "left" };
        let params = json!({"type": kind, "x": x, "y": y, "button": button, "clickCount": n_clicks});
        self.call("Input.dispatchMouseEvent", params);
        // Until the page has drawn what follows from it.
        self.eval("new Promise(done => requestAnimationFrame(() => setTimeout(done, 20)))");
    }

    /// A click in the middle of an element.
    #[track_caller]
    pub fn click(&mut self, element: &str) {
        let place = self.place(element, [0.5, 0.5]);
        ["mouseMoved", "mousePressed", "mouseReleased"].iter().for_each(|kind| self.mouse(kind, place, 1));
    }

    /// What the window shows of the whole page, as PNG.
    pub fn screenshot(&mut self, width: u32, scheme: &str) -> Vec<u8> {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", media);
        let size = |height: u64| json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size(800));
        self.eval("new Promise(done => setTimeout(done, 300))");
        let height = self.eval("document.documentElement.scrollHeight").as_u64().expect("a height");
        self.call("Emulation.setDeviceMetricsOverride", size(height));
        self.eval("new Promise(done => setTimeout(done, 300))");
        let shot = self.call("Page.captureScreenshot", json!({"format": "png"}));
        STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to go, it takes its helpers with it.
        let _ =
            write!(self.input, "{}\0", json!({"id": 0, "method": "Browser.close"})).and_then(|()| self.input.flush());
        while self.answers.recv_timeout(Duration::from_secs(10)).is_ok() {}
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
