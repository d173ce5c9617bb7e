//! A tiny HTTP server for tests: every answer is a script, every request is remembered.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server does with a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behaviour {
    /// Ranges are honoured.
    Proper,
    /// Always the whole file.
    IgnoresRange,
    /// As `Proper`, but the connection closes after so many bytes.
    DropsAfter(usize),
    /// As `Proper`, but nothing comes after so many bytes, and the connection stays open.
    StallsAfter(usize),
    /// The range starts one byte late.
    WrongRange,
    NotFound,
}

/// Answers until the test ends; the thread ends with the process.
pub(super) struct Server {
    pub(super) base_url: String,
    behaviour: Arc<Mutex<Behaviour>>,
    ranges: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    pub(super) fn start(body: Vec<u8>, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}/release", listener.local_addr().unwrap());
        let behaviour = Arc::new(Mutex::new(behaviour));
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let (shared, seen) = (Arc::clone(&behaviour), Arc::clone(&ranges));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, seen, body) = (Arc::clone(&shared), Arc::clone(&seen), body.clone());
                // A client that hangs up is no error of the server.
                std::thread::spawn(move || _ = answer(stream.unwrap(), &shared, &seen, &body));
            }
        });
        Self { base_url, behaviour, ranges }
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// First byte asked for in each request so far, `None` where the whole file was.
    pub(super) fn ranges(&self) -> Vec<Option<usize>> {
        self.ranges.lock().unwrap().clone()
    }
}

fn answer(
    mut stream: TcpStream,
    behaviour: &Mutex<Behaviour>,
    ranges: &Mutex<Vec<Option<usize>>>,
    body: &[u8],
) -> std::io::Result<()> {
    let mut range = None;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?.to_ascii_lowercase();
        if let Some(start) = line.strip_prefix("range: bytes=") {
            range = Some(start.trim_end_matches('-').parse::<usize>().unwrap());
        }
        if line.is_empty() {
            break;
        }
    }
    ranges.lock().unwrap().push(range);
    let behaviour = *behaviour.lock().unwrap();
    let length = body.len();
    let (status, extra, sent) = match (behaviour, range) {
        (Behaviour::NotFound, _) => ("404 Not Found", String::new(), &b"no"[..]),
        (Behaviour::IgnoresRange, _) | (_, None) => ("200 OK", String::new(), body),
        (Behaviour::WrongRange, Some(start)) => {
            let range = format!("Content-Range: bytes {}-{}/{length}\r\n", start + 1, length - 1);
            ("206 Partial Content", range, &body[start + 1..])
        }
        (_, Some(start)) if start >= length => {
            ("416 Range Not Satisfiable", format!("Content-Range: bytes */{length}\r\n"), &b""[..])
        }
        (_, Some(start)) => {
            let range = format!("Content-Range: bytes {start}-{}/{length}\r\n", length - 1);
            ("206 Partial Content", range, &body[start..])
        }
    };
    let head =
        format!("HTTP/1.1 {status}\r\n{extra}Content-Length: {}\r\nConnection: close\r\n\r\n", sent.len());
    stream.write_all(head.as_bytes())?;
    match behaviour {
        Behaviour::DropsAfter(count) => stream.write_all(&sent[..count.min(sent.len())]),
        Behaviour::StallsAfter(count) => {
            stream.write_all(&sent[..count.min(sent.len())])?;
            std::thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        _ => stream.write_all(sent),
    }
}
