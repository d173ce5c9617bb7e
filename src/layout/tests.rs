//! Names as players know them, what wins over what, payloads there and back, and damaged payloads.

use std::path::Path;

use super::*;
use crate::frame::Size;
use proptest::prelude::*;

const EIGHT_K: Size = Size::new(7680, 3840);

fn by_name(name: &str) -> Layout {
    choose(&Statements::default(), Size::new(704, 288), Path::new(name), &LayoutChoice::default())
}

#[test]
fn packing_marks_of_the_players() {
    use Packing::*;
    for (name, packing) in [
        ("film_180_LR.mp4", SideBySide),
        ("film_LR_180.mp4", SideBySide),
        ("/a/b_TB/film_sbs.mkv", SideBySide),
        ("film.3dh.180x180.mp4", SideBySide),
        ("Film (HSBS) [8K].mp4", SideBySide),
        ("film-180LR.mp4", SideBySide),
        ("film_LR360.webm", SideBySide),
        ("film_180x180_3dv.mp4", TopBottom),
        ("film_OverUnder_360.mp4", TopBottom),
        ("film_360_HOU.mp4", TopBottom),
        ("film_TB.mov", TopBottom),
        ("film_RL.mp4", SideBySideSwapped),
        ("film_bt.mp4", TopBottomSwapped),
        ("The.OU.Story_180_SBS_FISHEYE190_alpha.mp4", SideBySide),
        ("holiday_mono_360.mp4", Mono),
    ] {
        let layout = by_name(name);
        assert_eq!((layout.packing, layout.packing_basis.evidence), (packing, Evidence::FileName), "{name}");
        assert_eq!(layout.packing_basis.confidence, Confidence::Likely);
    }
}

#[test]
fn projection_marks_of_the_players() {
    let fisheye = |fov_degrees| Projection::Fisheye { fov_degrees };
    for (name, projection) in [
        ("film_180_LR.mp4", Projection::HALF),
        ("film.3dh.180x180.mp4", Projection::HALF),
        ("film_LR180.mp4", Projection::HALF),
        ("film_VR180_TB.mp4", Projection::HALF),
        ("film_360TB.mp4", Projection::SPHERE),
        ("film_mono_360.mp4", Projection::SPHERE),
        ("film_LR_180_FISHEYE_F180_alpha.mp4", fisheye(180)),
        ("film_fisheye_LR.mp4", fisheye(180)),
        ("film_FISHEYE190_180_LR.mp4", fisheye(190)),
        ("film_F200_SBS.mp4", fisheye(200)),
        ("film_MKX200_LR.mp4", fisheye(200)),
        ("film_mkx220_LR.mp4", fisheye(220)),
        ("film_RF52.mp4", fisheye(190)),
        ("film_VRCA220_LR.mp4", fisheye(220)),
        ("film_EAC_TB.mp4", Projection::EquiAngularCubemap),
    ] {
        let layout = by_name(name);
        assert_eq!(layout.projection, projection, "{name}");
        assert_eq!(layout.projection_basis.evidence, Evidence::FileName, "{name}");
    }
    let doubtful = by_name("film_VR180_TB.mp4").projection_basis.detail;
    assert_eq!(doubtful, "mark \"VR180\" in the file name, which Skybox reads as fisheye");
}

#[test]
fn words_that_only_contain_a_mark_are_not_marks() {
    for name in [
        "lrfilm.mp4",
        "TBD_output.mp4",
        "film_bt2020.mkv",
        "colour.mp4",
        "film.sbs",
        "f16_jet.mp4",
        "f999.mp4",
        "film_1800.mp4",
        "360p.mp4",
        "180cats.mp4",
        "",
    ] {
        let layout = by_name(name);
        assert_eq!(
            (layout.packing, layout.packing_basis.evidence),
            (Packing::Mono, Evidence::Default),
            "{name}"
        );
        assert_eq!(layout.projection, Projection::Rectilinear, "{name}");
        assert_eq!(layout.projection_basis.evidence, Evidence::Default, "{name}");
    }
}

#[test]
fn the_user_wins_over_the_container_and_that_over_the_name() {
    let pose = Pose::from_degrees([10.0, 0.0, -2.5]).unwrap();
    let stated = Statements {
        packing: Some((Packing::TopBottom, "box st3d: stereo mode 1".to_owned())),
        projection: Some(StatedProjection {
            projection: Projection::SPHERE,
            pose,
            detail: "box equi".to_owned(),
        }),
    };
    let name = Path::new("x_LR_180.mp4");
    let layout = choose(&stated, EIGHT_K, name, &LayoutChoice::default());
    assert_eq!((layout.packing, layout.packing_basis.evidence), (Packing::TopBottom, Evidence::Container));
    assert_eq!(layout.packing_basis.detail, "box st3d: stereo mode 1");
    assert_eq!((&layout.projection, layout.pose), (&Projection::SPHERE, pose));
    assert_eq!(layout.projection_basis.confidence, Confidence::Certain);
    let asked = LayoutChoice { packing: Some(Packing::Mono), projection: Some(Projection::HALF) };
    let layout = choose(&stated, EIGHT_K, name, &asked);
    assert_eq!((layout.packing, layout.packing_basis.evidence), (Packing::Mono, Evidence::Option));
    assert_eq!((&layout.projection, layout.pose), (&Projection::HALF, Pose::default()));
    assert_eq!(layout.projection_basis.evidence, Evidence::Option);
}

#[test]
fn shape_completes_but_does_not_decide() {
    let choose =
        |name: &str, size| choose(&Statements::default(), size, Path::new(name), &LayoutChoice::default());
    for (name, size, packing, projection, written) in [
        ("a.mp4", EIGHT_K, Packing::Mono, Projection::Rectilinear, false),
        ("a_180.mp4", EIGHT_K, Packing::SideBySide, Projection::HALF, true),
        ("a_180.mp4", Size::new(3840, 3840), Packing::Mono, Projection::HALF, true),
        ("a_180.mp4", Size::new(3840, 7680), Packing::TopBottom, Projection::HALF, true),
        ("a_360.mp4", EIGHT_K, Packing::Mono, Projection::SPHERE, true),
        ("a_360.mp4", Size::new(5760, 5760), Packing::TopBottom, Projection::SPHERE, true),
        ("a_LR.mp4", EIGHT_K, Packing::SideBySide, Projection::HALF, false),
        ("a_TB.mp4", Size::new(5760, 5760), Packing::TopBottom, Projection::SPHERE, false),
        ("a_LR.mp4", Size::new(3840, 1080), Packing::SideBySide, Projection::Rectilinear, false),
    ] {
        let layout = choose(name, size);
        assert_eq!((layout.packing, &layout.projection), (packing, &projection), "{name} {size}");
        assert_eq!(layout.to_write().is_some(), written, "{name} {size}: a guess is not written");
        assert_eq!(
            layout.notes().is_empty(),
            name != "a_LR.mp4" && name != "a_TB.mp4" && {
                layout.packing_basis.is_stated() || packing == Packing::Mono
            } || size.height == 1080,
            "{name} {size}: {:?}",
            layout.notes()
        );
    }
    assert!(choose("a.mp4", EIGHT_K).packing_basis.detail.contains("2:1 is mono 360 as well"));
}

#[test]
fn outputs_are_named_for_their_players() {
    let name = |input: &str, names| {
        let layout = choose(&Statements::default(), EIGHT_K, Path::new(input), &LayoutChoice::default());
        marked_name(Path::new(input).file_stem().unwrap().to_str().unwrap(), &layout, names)
    };
    for (input, deovr, skybox) in [
        ("film_180_LR.mp4", "film_LR_180", "film_LR_180x180"),
        ("Film (HSBS) [180].mp4", "Film_LR_180", "Film_LR_180x180"),
        ("My.OU.Story_VR180_SBS_alpha.mp4", "My.Story_LR_180", "My.Story_LR_180x180"),
        ("film_360_TB.mp4", "film_TB_360", "film_TB_360"),
        ("film_LR_fisheye.mp4", "film_LR_fisheye", "film_LR_F180"),
        ("film_FISHEYE190_sbs.mp4", "film_LR_fisheye190", "film_LR_F190"),
        ("film_mkx200_lr.mp4", "film_LR_mkx200", "film_LR_F200"),
        ("film_vrca220_rl.mp4", "film_RL_vrca220", "film_RL_F220"),
        ("360_mono.mp4", "video_360", "video_360"),
        ("plain.mp4", "plain", "plain"),
    ] {
        assert_eq!(name(input, Names::DeoVr), deovr, "{input}");
        assert_eq!(name(input, Names::Skybox), skybox, "{input}");
        let stem = Path::new(input).file_stem().unwrap().to_str().unwrap();
        assert_eq!(name(input, Names::Plain), stem);
        // What was written is what is read.
        let [first, again] = [input, &format!("{deovr}.webm")]
            .map(|name| choose(&Statements::default(), EIGHT_K, Path::new(name), &LayoutChoice::default()));
        let unwritten = first.packing == Packing::Mono;
        assert!(first.packing == again.packing || unwritten, "{input}");
        assert_eq!(first.projection, again.projection, "{input}");
    }
}

#[test]
fn payloads_by_hand() {
    let half = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0x40, 0, 0, 0];
    assert_eq!(Projection::HALF.to_matroska(), Some((1, Some(half.to_vec()))));
    assert_eq!(read_equirect(&half), Ok(Projection::HALF));
    assert_eq!(read_equirect(&half[4..]), Ok(Projection::HALF), "without version and flags");
    assert_eq!(read_equirect(&[]), Ok(Projection::SPHERE));
    assert_eq!(Projection::Rectilinear.to_matroska(), Some((0, None)));
    assert_eq!(read_cubemap(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8]), Ok(Projection::Cubemap { padding: 8 }));
    assert_eq!(read_cubemap(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8]), Err(Malformed::Faces { got: 1 }));
    let mesh = [&[0; 4][..], &[1, 2, 3, 4], b"dfl8", &[9; 7]].concat();
    let read = read_mesh(&mesh).unwrap();
    assert_eq!(read.to_matroska(), Some((3, Some(mesh.clone()))));
    assert_eq!(
        read_mesh(&mesh[..12]),
        Err(Malformed::Length { expected: "more than 12, at most 4 MiB", got: 12 })
    );
    let other = [&[0; 8][..], b"zstd", &[9]].concat();
    assert_eq!(read_mesh(&other), Err(Malformed::Encoding { got: u32::from_be_bytes(*b"zstd") }));
    let all = [&[0; 4][..], &[0x80; 16]].concat();
    assert_eq!(read_equirect(&all), Err(Malformed::Bounds));
    assert_eq!(Projection::from_matroska(4, &[]), Ok(None));
}

#[test]
fn poses_and_turns() {
    assert_eq!(Pose::turned(90).degrees(), [0.0, 0.0, -90.0], "clockwise here, counter-clockwise there");
    for turn in [0, 90, 180, 270] {
        assert_eq!(Pose::turned(turn).quarter_turns(), Some(turn));
        assert!(Pose::turned(turn).checked().is_some());
    }
    assert_eq!(Pose::from_degrees([0.0, 0.0, -180.0]).unwrap().quarter_turns(), Some(180));
    assert_eq!(Pose::from_degrees([1.0, 0.0, 90.0]).unwrap().quarter_turns(), None);
    for bad in [
        [181.0, 0.0, 0.0],
        [0.0, -90.5, 0.0],
        [0.0, 0.0, f64::NAN],
        [f64::INFINITY, 0.0, 0.0],
        [1e300, 0.0, 0.0],
    ] {
        assert_eq!(Pose::from_degrees(bad), None, "{bad:?}");
    }
    assert_eq!(Pose { yaw: i32::MIN, ..Pose::default() }.checked(), None);
}

fn projections() -> impl Strategy<Value = Projection> {
    prop_oneof![
        Just(Projection::Rectilinear),
        (0u32..1 << 31, 0u32..1 << 31, 0u32..1 << 31, 0u32..1 << 31).prop_map(
            |(top, bottom, left, right)| { Projection::Equirect(Bounds { top, bottom, left, right }) }
        ),
        any::<u32>().prop_map(|padding| Projection::Cubemap { padding }),
        prop::collection::vec(any::<u8>(), 1..40)
            .prop_map(|body| { read_mesh(&[&[0; 8][..], b"raw ", &body].concat()).unwrap() }),
    ]
}

proptest! {
    #[test]
    fn projections_survive_their_payloads(projection in projections()) {
        let (kind, private) = projection.to_matroska().unwrap();
        let back = Projection::from_matroska(kind.into(), &private.unwrap_or_default());
        prop_assert_eq!(back, Ok(Some(projection)));
    }

    /// Bytes of any kind: an answer, never a panic; what is accepted comes out again.
    #[test]
    fn any_bytes_are_answered(kind in 0u64..6, bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(Some(projection)) = Projection::from_matroska(kind, &bytes) {
            let (again, private) = projection.to_matroska().unwrap();
            prop_assert_eq!(u64::from(again), kind);
            prop_assert_eq!(Projection::from_matroska(kind, &private.unwrap_or_default()), Ok(Some(projection)));
        }
    }

    #[test]
    fn any_name_is_named(stem in "[a-zA-Z0-9_\\-. ()\\[\\]äß]{0,30}", wide: bool) {
        let size = if wide { EIGHT_K } else { Size::new(3840, 3840) };
        for names in [Names::Plain, Names::DeoVr, Names::Skybox] {
            let layout = choose(&Statements::default(), size, Path::new(&format!("{stem}.mp4")), &LayoutChoice::default());
            let name = marked_name(&stem, &layout, names);
            prop_assert!(names == Names::Plain || !name.is_empty());
            prop_assert!(!name.contains('/') && (names == Names::Plain || !name.to_lowercase().contains("_alpha")) || stem.to_lowercase().contains("alpha"));
        }
    }
}
