//! Headless Chromium plays an output in a `<video>`, draws it to a canvas and reads its alpha: at
//! the start, after a seek, and at the end.
#![allow(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use vrpipe::frame::{Plane, Size};
use vrpipe::layout::Packing;
use vrpipe::pipeline::playback::{Frame, Playback};
use vrpipe::vp9::Quality;
use vrpipe::vp9::native::PairWriter;
use vrpipe::vp9::native::pixels::Encoder;
use vrpipe::webm::muxer;

/// A point is good to ask for when the matte is at its limit in a square around it.
fn flat_points(alpha: &vrpipe::frame::Plane<u8>, value: u8) -> Vec<[usize; 2]> {
    let (reach, size) = (4, alpha.size);
    let flat = |x: usize, y: usize| {
        (y - reach..=y + reach).all(|y| alpha.row(y)[x - reach..=x + reach].iter().all(|&a| a == value))
    };
    let all = (reach..size.height - reach)
        .step_by(8)
        .flat_map(|y| (reach..size.width - reach).step_by(8).map(move |x| [x, y]));
    all.filter(|&[x, y]| flat(x, y)).step_by(16).take(24).collect()
}

/// Serves the page and the clip (with ranges: seeking needs them) and hands on what is posted.
fn serve(
    listener: TcpListener,
    files: HashMap<&'static str, (&'static str, Vec<u8>)>,
    posted: Sender<String>,
) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let files = files.clone();
        let posted = posted.clone();
        std::thread::spawn(move || {
            // A browser closing its connection early is no failure of the test.
            let _ = answer(stream, &files, &posted);
        });
    }
}

fn answer(
    stream: TcpStream,
    files: &HashMap<&'static str, (&'static str, Vec<u8>)>,
    posted: &Sender<String>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut length, mut range) = (0usize, None);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(v) = lower.strip_prefix("content-length:") {
            length = v.trim().parse().unwrap_or(0);
        }
        if let Some(v) = lower.strip_prefix("range: bytes=") {
            let (from, to) = v.trim().split_once('-').unwrap_or(("0", ""));
            range = Some((from.parse::<usize>().unwrap_or(0), to.parse::<usize>().ok()));
        }
    }
    if method == "POST" {
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let _ = posted.send(String::from_utf8_lossy(&body).into_owned());
        return out.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    }
    let Some((kind, body)) = files.get(path.trim_start_matches('/')) else {
        return out.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let (status, from, to) = match range {
        Some((from, to)) => {
            ("206 Partial Content", from.min(body.len()), to.map_or(body.len(), |t| (t + 1).min(body.len())))
        }
        None => ("200 OK", 0, body.len()),
    };
    let span = format!("Content-Range: bytes {from}-{}/{}\r\n", to.max(1) - 1, body.len());
    write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nAccept-Ranges: bytes\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n",
        if range.is_some() { span.as_str() } else { "" },
        to - from
    )?;
    out.write_all(&body[from..to])
}

/// The name of a Chromium that runs; says that `test` is skipped when there is none.
fn chromium(test: &str) -> Option<&'static str> {
    let runs = |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success());
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(runs);
    if found.is_none() {
        support::skip(test, "no Chromium on this machine");
    }
    found
}

/// Mattes one of the clips as half-equirectangular, into outputs of these kinds.
fn output(clips: &Path, folder: &Path, kinds: &str) -> PathBuf {
    let clip = folder.join("clip.webm");
    let mut run = support::vrpipe();
    run.arg("run").arg(clips.join("person_h264_aac_sbs.mp4")).arg("-o").arg(&clip);
    run.args(["--detail", "176", "--projection", "180", "--output", kinds]);
    let (result, stderr) = support::output(&mut run);
    assert!(result.status.success(), "{stderr}");
    clip
}

/// Plays a clip of 120 frames and compares flat squares of its matte at three moments with what our own
/// decoder shows. `shown` is the size that the video must have.
fn plays(chromium: &str, clip: &Path, folder: &Path, shown: [u32; 2], has_sound: bool) {
    let frames: Vec<Frame> = Playback::open(clip).unwrap().map(Result::unwrap).collect();
    assert_eq!(frames.len(), 120);
    let moments = [(0, 0.0), (75, frames[75].pts_ms as f64 / 1000.0 + 0.005), (119, -1.0)];
    let mut ask = Vec::new();
    let mut want = Vec::new();
    for (index, time) in moments {
        let (clear, solid) = (flat_points(&frames[index].alpha, 0), flat_points(&frames[index].alpha, 255));
        // An opaque output is solid everywhere.
        let is_opaque = frames[index].alpha.data.iter().all(|&alpha| alpha == 255);
        assert!(
            (clear.len() >= 3 || is_opaque) && solid.len() >= 3,
            "frame {index}: {} clear, {} solid",
            clear.len(),
            solid.len()
        );
        want.push((clear.len(), solid.len()));
        let points = [clear, solid].concat();
        ask.push(serde_json::json!({ "time": time, "points": points }));
    }

    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser.html")).unwrap();
    let Size { width, height } = frames[0].alpha.size;
    let page = page
        .replace("SIZE", &format!("[{width}, {height}]"))
        .replace("ASK", &serde_json::to_string(&ask).unwrap());
    let files = HashMap::from([
        ("", ("text/html", page.into_bytes())),
        ("clip.webm", ("video/webm", fs::read(clip).unwrap())),
    ]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (send, receive) = channel();
    std::thread::spawn(move || serve(listener, files, send));

    let mut browser = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--autoplay-policy=no-user-gesture-required", "--mute-audio"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("http://{address}/"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let posted = receive.recv_timeout(Duration::from_secs(90));
    browser.kill().unwrap();
    browser.wait().unwrap();
    let answer: serde_json::Value = serde_json::from_str(&posted.expect("Chromium answers in time")).unwrap();

    assert!(answer.get("error").is_none(), "{answer}");
    assert_eq!(answer["size"], serde_json::json!(shown));
    let seconds = answer["duration"].as_f64().unwrap();
    assert!((seconds - 120.0 * 1001.0 / 30000.0).abs() < 0.05, "duration {seconds}");
    // Bytes of Opus that were decoded of 4 s: the clip was played to the end above.
    let sound = answer["soundBytes"].as_u64().unwrap();
    assert!(if has_sound { sound > 4_000 } else { sound == 0 }, "{sound} bytes");
    for (moment, (clear, solid)) in want.into_iter().enumerate() {
        let pixels = answer["pixels"][moment].as_array().unwrap();
        assert_eq!(pixels.len(), clear + solid);
        for (at, pixel) in pixels.iter().enumerate() {
            let expected = if at < clear { 0 } else { 255 };
            assert_eq!(pixel[3], expected, "moment {moment}, point {at}: {pixel} of {}", ask[moment]);
        }
    }
}

#[test]
fn chromium_plays_every_output() {
    let test = "chromium_plays_every_output";
    let Some(clips) = support::clips(test) else { return };
    let Some(chromium) = chromium(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let clip = output(&clips, folder.path(), "alpha,green,matte,packed");
    // The source has pixels of 35:32, and both eyes are shown: 704 * 35 / 32. Packed frames are 2:1.
    let packed = "clip_LR_180_FISHEYE_F180_alpha.webm";
    let others = [("clip_green.webm", [770, 288]), ("clip_matte.webm", [770, 288]), (packed, [576, 288])];
    plays(chromium, &clip, folder.path(), [770, 288], true);
    for (name, shown) in others {
        plays(chromium, &folder.path().join(name), folder.path(), shown, true);
    }
}

/// The same pictures as our own encoder writes them: hidden key frames, packets of one byte, key points to seek to.
#[test]
fn chromium_plays_what_the_native_encoder_writes() {
    let test = "chromium_plays_what_the_native_encoder_writes";
    let Some(clips) = support::clips(test) else { return };
    let Some(chromium) = chromium(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let made = output(&clips, folder.path(), "alpha");
    let clip = folder.path().join("native.webm");
    encode_natively(&made, &clip);
    plays(chromium, &clip, folder.path(), [704, 288], false);
}

/// Encodes the frames of `from` again, each 40th a key point.
fn encode_natively(from: &Path, to: &Path) {
    let playback = Playback::open(from).unwrap();
    let (size, colour) = (playback.size(), playback.colour());
    let levels = Quality::Fast.native_levels(None);
    let tunings = levels.tunings();
    let mut pixels = tunings.of(true).map(|tuning| Encoder::new(size, tuning));
    let mut writer = PairWriter::new(size, colour, levels, 2).unwrap();
    // That of one view: Chromium doubles it.
    let display_size = Some(Size::new(size.width / 2, size.height));
    let (packing, frame_duration_ns) = (Packing::SideBySide, None);
    let (light, projection, alpha) = (None, None, true);
    let video = muxer::VideoTrack {
        size,
        display_size,
        colour,
        light,
        packing,
        projection,
        frame_duration_ns,
        alpha,
    };
    let header = muxer::Header {
        video,
        expected_key_frames: 3,
        title: None,
        writing_app: "test".to_owned(),
        tags: Vec::new(),
        chapters: Vec::new(),
    };
    let mut file = muxer::Muxer::create(fs::File::create(to).unwrap(), &header).unwrap();
    let everything = Plane::filled(Size::new(size.width.div_ceil(16), size.height.div_ceil(16)), 1u8);
    let mut end_ms = 0;
    for (number, frame) in playback.enumerate() {
        let frame = frame.unwrap();
        let key = number % 40 == 0;
        let sources = [vec![&frame.colour.y, &frame.colour.u, &frame.colour.v], vec![&frame.alpha]];
        let mut coded = Vec::new();
        for ((encoder, source), tuning) in pixels.iter_mut().zip(sources).zip(tunings.of(key)) {
            encoder.set_tuning(tuning);
            coded.push(encoder.encode(&source, &everything, key));
        }
        let pair = writer.write(&[coded[0].coded(), coded[1].coded()], key, frame.pts_ms).unwrap();
        let (pts_ms, alpha) = (frame.pts_ms, Some(&pair.alpha[..]));
        file.write_frame(muxer::Frame { pts_ms, key, colour: &pair.colour, alpha }).unwrap();
        end_ms = pts_ms + 33;
    }
    file.finish(end_ms).unwrap();
}
