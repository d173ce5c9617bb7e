//! EBML primitives: tables of bytes written out by hand from RFC 8794, round trips, bad input.
#![forbid(unsafe_code)]

use super::*;
use crate::webm::ids;
use proptest::prelude::*;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn sizes_are_those_of_the_table_in_rfc_8794() {
    let table: &[(u64, &[u8])] = &[
        (0, &[0x80]),
        (1, &[0x81]),
        (126, &[0xFE]),
        (127, &[0x40, 0x7F]), // 0xFF would mean unknown
        (16382, &[0x7F, 0xFE]),
        (16383, &[0x20, 0x3F, 0xFF]),
        ((1 << 49) - 1, &[0x01, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        (vint::MAX_SIZE, &[0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE]),
    ];
    for &(value, bytes) in table {
        assert_eq!(written(|out| write::size(out, value)), bytes, "{value}");
        assert_eq!(vint::decode(bytes), Some(Some(value)));
    }
    assert_eq!(vint::decode(&[0xFF]), Some(None));
    assert_eq!(vint::decode(&vint::UNKNOWN_SIZE), Some(None));
    assert_eq!(vint::decode(&[0x00, 0x80]), None);
    assert_eq!(vint::decode(&[0x40]), None);
    assert_eq!(vint::eight_bytes(vint::MAX_SIZE + 1), None);
    assert_eq!(vint::eight_bytes(5), Some([1, 0, 0, 0, 0, 0, 0, 5]));
}

#[test]
fn elements_are_written_as_by_hand() {
    assert_eq!(written(|out| write::uint(out, ids::TRACK_NUMBER, 0)), [0xD7, 0x81, 0x00]);
    assert_eq!(
        written(|out| write::uint(out, ids::TIMESTAMP_SCALE, 1_000_000)),
        [0x2A, 0xD7, 0xB1, 0x83, 0x0F, 0x42, 0x40]
    );
    assert_eq!(written(|out| write::sint(out, ids::REFERENCE_BLOCK, -33)), [0xFB, 0x81, 0xDF]);
    assert_eq!(written(|out| write::sint(out, ids::REFERENCE_BLOCK, -128)), [0xFB, 0x81, 0x80]);
    assert_eq!(written(|out| write::sint(out, ids::REFERENCE_BLOCK, 128)), [0xFB, 0x82, 0x00, 0x80]);
    assert_eq!(
        written(|out| write::float(out, ids::DURATION, 1.0)),
        [0x44, 0x89, 0x88, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(written(|out| write::string(out, ids::DOC_TYPE, "webm")), *b"\x42\x82\x84webm");
    assert_eq!(written(|out| write::open_unknown(out, ids::CLUSTER))[..5], [0x1F, 0x43, 0xB6, 0x75, 0x01]);
    assert_eq!(
        written(|out| write::simple_block(out, 1, -2, true, &[7, 8])),
        [0xA3, 0x86, 0x81, 0xFF, 0xFE, 0x80, 7, 8]
    );
}

#[test]
fn a_void_takes_exactly_what_it_is_given() {
    for total in (2..300).chain([16384, 16385, 16386, 16387, 70000]) {
        let bytes = written(|out| assert!(write::void(out, total)));
        assert_eq!(bytes.len() as u64, total);
        let mut parser = Parser::new(&bytes[..], Limits::default());
        assert!(matches!(parser.next().unwrap(), Some(Event::Leaf(leaf)) if leaf.id() == ids::VOID));
        assert!(parser.next().unwrap().is_none());
    }
    assert!(!write::void(&mut Vec::new(), 1));
}

#[test]
fn ids_are_unique_and_announce_their_own_length() {
    for (i, a) in ids::ALL.iter().enumerate() {
        assert_eq!(vint::length(a.bytes().as_ref()[0]), a.bytes().as_ref().len(), "{a}");
        assert!(ids::ALL[i + 1..].iter().all(|b| a != b && a.name() != b.name()), "{a}");
    }
}

/// Events in short form, to compare with what is expected.
fn events(bytes: &[u8], limits: Limits) -> (Vec<String>, Result<(), Error>) {
    let mut parser = Parser::new(bytes, limits);
    let mut seen = Vec::new();
    loop {
        seen.push(match parser.next() {
            Ok(Some(Event::Open(element))) => format!("+{}", element.id.name().unwrap()),
            Ok(Some(Event::Close(element))) => format!("-{}", element.id.name().unwrap()),
            Ok(Some(Event::Leaf(leaf))) => format!("{:X}@{}", leaf.id().0, leaf.element().at_byte),
            Ok(None) => return (seen, Ok(())),
            Err(error) => return (seen, Err(error)),
        });
    }
}

fn live_stream() -> Vec<u8> {
    written(|out| {
        write::header(out, "matroska");
        write::open_unknown(out, ids::SEGMENT);
        write::master(out, ids::INFO, |out| write::uint(out, ids::TIMESTAMP_SCALE, 1_000_000));
        for time in [0, 40] {
            write::open_unknown(out, ids::CLUSTER);
            write::uint(out, ids::TIMESTAMP, time);
            write::simple_block(out, 1, 0, true, &[1, 2, 3]);
        }
    })
}

#[test]
fn unknown_sizes_end_where_the_next_sibling_begins() {
    let (seen, result) = events(&live_stream(), Limits::default());
    result.unwrap();
    let masters: Vec<_> =
        seen.iter().filter(|event| event.starts_with(['+', '-'])).map(String::as_str).collect();
    assert_eq!(
        masters,
        [
            "+EBML", "-EBML", "+Segment", "+Info", "-Info", "+Cluster", "-Cluster", "+Cluster", "-Cluster",
            "-Segment"
        ]
    );
    assert_eq!(seen.iter().filter(|event| event.starts_with("A3@")).count(), 2);
}

#[test]
fn an_unknown_cluster_ends_with_a_segment_of_known_size() {
    let bytes = written(|out| {
        write::master(out, ids::SEGMENT, |out| {
            write::open_unknown(out, ids::CLUSTER);
            write::uint(out, ids::TIMESTAMP, 0);
        });
        write::uint(out, ids::VOID, 0);
    });
    let (seen, result) = events(&bytes, Limits::default());
    result.unwrap();
    assert_eq!(seen, ["+Segment", "+Cluster", "E7@17", "-Cluster", "-Segment", "EC@20"]);
}

#[test]
fn what_a_size_may_not_say() {
    let run = |bytes: &[u8], limits| events(bytes, limits).1.unwrap_err();
    let none = Limits::default();
    assert!(matches!(run(&[0x00], none), Error::BadVint { at_byte: 0, first_byte: 0, max_length: 4, .. }));
    assert!(matches!(run(&[0x08, 0, 0, 0, 0], none), Error::BadVint { first_byte: 8, .. }));
    assert!(matches!(run(&[0xFF, 0x80], none), Error::BadVint { first_byte: 0xFF, .. }));
    assert!(matches!(run(&[0x80, 0x80], none), Error::BadVint { first_byte: 0x80, .. }));
    assert!(matches!(run(&[0xEC, 0x00], none), Error::BadVint { at_byte: 1, max_length: 8, .. }));
    assert!(matches!(run(&[0xEC, 0xFF], none), Error::UnknownSize { id: ids::VOID, at_byte: 0 }));
    assert!(matches!(run(&[0xAE, 0x82, 0xEC, 0x85], none), Error::Overrun { end: 9, parent_end: 4, .. }));
    assert!(matches!(run(&[0xEC, 0x84, 0, 0], none), Error::Truncated { at_byte: 0, end: 4, need: 2, .. }));
    assert!(matches!(run(&[0xAE, 0x84], none), Error::Truncated { end: 2, need: 4, .. }));
    let known = Limits { input_bytes: Some(4), ..none };
    assert!(matches!(run(&[0xEC, 0x87, 0, 0], known), Error::Truncated { end: 4, need: 5, .. }));
    let nested = written(|out| {
        write::master(out, ids::INFO, |out| {
            write::master(out, ids::SEEK, |out| write::master(out, ids::SEEK, |_| ()))
        });
    });
    assert!(matches!(run(&nested, Limits { depth: 2, ..none }), Error::Limit { got: 3, max: 2, .. }));
}

#[test]
fn a_size_that_lies_allocates_nothing_of_it() {
    let bytes = [0xEC, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 9];
    let limits = Limits { payload_bytes: u64::MAX, ..Limits::default() };
    let mut parser = Parser::new(&bytes[..], limits);
    let Some(Event::Leaf(leaf)) = parser.next().unwrap() else { panic!("a leaf") };
    assert!(matches!(leaf.bytes(), Err(Error::Truncated { end: 10, .. })));
    let mut parser = Parser::new(&bytes[..], Limits::default());
    let Some(Event::Leaf(leaf)) = parser.next().unwrap() else { panic!("a leaf") };
    assert!(matches!(leaf.bytes(), Err(Error::Limit { .. })));
}

#[test]
fn payloads_have_the_form_of_their_type() {
    let value = |bytes: &'static [u8]| Parser::new(bytes, Limits::default());
    macro_rules! leaf {
        ($bytes:expr, $read:ident) => {
            match value($bytes).next().unwrap() {
                Some(Event::Leaf(leaf)) => leaf.$read(),
                _ => panic!("a leaf"),
            }
        };
    }
    assert_eq!(leaf!(&[0xD7, 0x80], uint).unwrap(), 0);
    assert!(matches!(leaf!(&[0xD7, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0], uint), Err(Error::BadValue { .. })));
    assert_eq!(leaf!(&[0xFB, 0x82, 0xFF, 0xDF], sint).unwrap(), -33);
    assert_eq!(leaf!(&[0xB5, 0x84, 0x3F, 0x80, 0, 0], float).unwrap(), 1.0);
    assert!(matches!(leaf!(&[0xB5, 0x83, 0, 0, 0], float), Err(Error::BadValue { .. })));
    assert_eq!(leaf!(b"\x86\x84V_\0\0", string).unwrap(), "V_");
    assert!(matches!(leaf!(b"\x86\x81\xFF", string), Err(Error::BadValue { .. })));
}

#[test]
fn every_cut_of_a_live_stream_ends() {
    let bytes = live_stream();
    for end in 0..bytes.len() {
        let (seen, _) = events(&bytes[..end], Limits::default());
        assert!(seen.len() < 40);
    }
}

proptest! {
    #[test]
    fn sizes_round_trip(value in 0..=vint::MAX_SIZE, shift in 0u32..56) {
        let value = value >> shift;
        let bytes = written(|out| write::size(out, value));
        prop_assert_eq!(bytes.len(), vint::shortest(value));
        prop_assert_eq!(vint::decode(&bytes), Some(Some(value)));
        prop_assert_eq!(vint::decode(&vint::eight_bytes(value).unwrap()), Some(Some(value)));
    }

    #[test]
    fn numbers_and_text_round_trip(u: u64, s: i64, shift in 0u32..64, f: f64, text in "[^\0]{0,200}", data: Vec<u8>) {
        let (u, s) = (u >> shift, s >> shift);
        let bytes = written(|out| {
            write::uint(out, ids::CUE_TIME, u);
            write::sint(out, ids::REFERENCE_BLOCK, s);
            write::float(out, ids::DURATION, f);
            write::string(out, ids::TITLE, &text);
            write::binary(out, ids::CODEC_PRIVATE, &data);
        });
        let mut parser = Parser::new(&bytes[..], Limits::default());
        macro_rules! next { ($read:ident) => { match parser.next().unwrap() {
            Some(Event::Leaf(leaf)) => leaf.$read().unwrap(), _ => panic!("a leaf") } } }
        prop_assert_eq!(next!(uint), u);
        prop_assert_eq!(next!(sint), s);
        prop_assert_eq!(next!(float).to_bits(), f.to_bits());
        prop_assert_eq!(next!(string), text);
        prop_assert_eq!(next!(bytes), data);
        prop_assert!(parser.next().unwrap().is_none());
    }

    #[test]
    fn any_bytes_end_in_an_error_or_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (seen, _) = events(&bytes, Limits::default());
        prop_assert!(seen.len() <= 2 * bytes.len() + 2);
    }
}
