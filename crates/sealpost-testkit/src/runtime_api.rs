//! The Runtime API of AWS Lambda (2018-06-01) and its Extensions API (2020-01-01), as far as one function needs them: events with a
//! deadline of the test's choice, which emulators don't let one choose.
//!
//! A function that is not asked anything waits here for its next event, as in Lambda; freezing it then is the test's part
//! (SIGSTOP), and so is ending it (SIGTERM, which Lambda sends where an extension is registered).

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// How long a function may take to ask for its events.
const STARTS: Duration = Duration::from_secs(120);

/// A Runtime API that one function asks.
pub struct RuntimeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    begun: u64,
    events: VecDeque<Event>,
    answers: HashMap<u64, Result<Value, Value>>,
    /// How often an event was asked for.
    asked: u64,
    extension: bool,
}

struct Event {
    id: u64,
    body: String,
    deadline_ms: u128,
}

/// An event that a function was given.
#[must_use]
pub struct Invocation {
    id: u64,
    shared: Arc<Shared>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `wanted` finds something.
    fn wait<T>(&self, patience: Duration, mut wanted: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut found = None;
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, patience, |state| {
            found = wanted(state);
            found.is_none()
        });
        drop(waited);
        found
    }
}

impl RuntimeApi {
    /// Listens on a free port of loopback.
    ///
    /// # Panics
    /// When no port can be bound.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::<Shared>::default();
        let ours = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = ours.clone();
                // Ends with the connection, whatever that ends with.
                std::thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        Self { address, shared }
    }

    /// Sets what Lambda sets for a function's process.
    pub fn prepare(&self, command: &mut Command, name: &str) {
        command
            .env("AWS_LAMBDA_RUNTIME_API", self.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
    }

    /// Gives the function an event and this much time for it.
    pub fn begin(&self, event: &Value, time: Duration) -> Invocation {
        let deadline_ms =
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() + time.as_millis();
        let mut state = self.shared.lock();
        state.begun += 1;
        let id = state.begun;
        state.events.push_back(Event { id, body: event.to_string(), deadline_ms });
        self.shared.changed.notify_all();
        Invocation { id, shared: self.shared.clone() }
    }

    /// Gives the function an event, and its answer, or the error that it reports.
    ///
    /// # Panics
    /// When it gives none.
    pub fn invoke(&self, event: &Value, time: Duration) -> Result<Value, Value> {
        self.begin(event, time).answer().expect("an answer of the function")
    }

    /// Waits until the function has asked for this many events: all before the last are answered then.
    ///
    /// # Panics
    /// When it does not ask.
    pub fn wait_for_ask(&self, number: u64) {
        self.shared
            .wait(STARTS, |state| (state.asked >= number).then_some(()))
            .expect("the function to ask for an event");
    }

    /// Whether an extension is registered, so that Lambda would send SIGTERM.
    #[must_use]
    pub fn has_extension(&self) -> bool {
        self.shared.lock().extension
    }
}

impl Invocation {
    /// The answer, once it is there; `None` when the function is long gone.
    #[must_use]
    pub fn answer(&self) -> Option<Result<Value, Value>> {
        self.shared.wait(STARTS * 2, |state| state.answers.remove(&self.id))
    }
}

/// Requests of one connection.
fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut request, mut length) = (String::new(), 0);
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, headers, body) = answer(&path, &body, shared);
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status} OK\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())?;
    }
}

fn answer(path: &str, body: &[u8], shared: &Shared) -> (u16, String, String) {
    let ended = |id: &str, answer: Result<Value, Value>| {
        if let Ok(id) = id.trim_matches('/').parse() {
            shared.lock().answers.insert(id, answer);
            shared.changed.notify_all();
        }
        (202, String::new(), "{}".to_owned())
    };
    let json = || serde_json::from_slice(body).unwrap_or(Value::Null);
    let invocation = path.strip_prefix("/2018-06-01/runtime/invocation/").unwrap_or_default();
    if invocation == "next" {
        shared.lock().asked += 1;
        shared.changed.notify_all();
        let event = loop {
            if let Some(event) = shared.wait(STARTS, |state| state.events.pop_front()) {
                break event;
            }
        };
        let headers = format!(
            "Lambda-Runtime-Aws-Request-Id: {}\r\nLambda-Runtime-Deadline-Ms: {}\r\nLambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:test\r\nContent-Type: application/json\r\n",
            event.id, event.deadline_ms
        );
        return (200, headers, event.body);
    }
    if let Some(id) = invocation.strip_suffix("/response") {
        return ended(id, Ok(json()));
    }
    if let Some(id) = invocation.strip_suffix("/error") {
        return ended(id, Err(json()));
    }
    match path {
        "/2020-01-01/extension/register" => {
            (200, "Lambda-Extension-Identifier: 0f0e0d0c\r\n".to_owned(), "{}".to_owned())
        }
        "/2020-01-01/extension/event/next" => {
            shared.lock().extension = true;
            shared.changed.notify_all();
            // It registered for no events.
            loop {
                std::thread::park();
            }
        }
        _ => (404, String::new(), "{}".to_owned()),
    }
}
