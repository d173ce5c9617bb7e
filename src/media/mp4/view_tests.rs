//! Projections of a track: every box byte by byte, and the same boxes damaged.

use super::made::{File, bx, words};
use crate::layout::{Bounds, Packing, Pose, Projection};
use crate::media::tests::open;

fn sv3d(kind: &[u8; 4], body: &[u8], pose: [i32; 3]) -> Vec<u8> {
    let svhd = bx(b"svhd", &[&words(&[0]), b"test\0"]);
    let prhd = bx(b"prhd", &[&words(&[0]), &words(&pose.map(|angle| angle as u32))]);
    bx(b"sv3d", &[&svhd, &bx(b"proj", &[&prhd, &bx(kind, &[body])])])
}

fn equi(bounds: [u32; 4]) -> Vec<u8> {
    [words(&[0]), words(&bounds)].concat()
}

fn vexu(form: &[u8; 4], fov: Option<u32>) -> Vec<u8> {
    let vexu = bx(b"vexu", &[&bx(b"proj", &[&bx(b"prji", &[&words(&[0]), form])])]);
    let hfov = fov.map(|fov| bx(b"hfov", &[&words(&[fov])])).unwrap_or_default();
    [vexu, hfov].concat()
}

/// Projection, pose and number of notes of a file with such boxes.
fn stated(entry: Vec<u8>, trak: Vec<u8>) -> (Option<(Projection, Pose)>, usize) {
    let source = open(&File::with(entry, trak).bytes()).unwrap();
    let video = source.video();
    (video.layout.projection.as_ref().map(|s| (s.projection.clone(), s.pose)), video.notes.len())
}

const HALF: [u32; 4] = [0, 0, 1 << 30, 1 << 30];

#[test]
fn every_projection_box() {
    let level = Pose::default();
    let mesh = [&words(&[0, 0x1234_5678]), &b"raw "[..], &[7; 30]].concat();
    let Ok(meshed) = crate::layout::read_mesh(&mesh) else { panic!("a mesh") };
    let fisheye = |fov_degrees| Projection::Fisheye { fov_degrees };
    for (entry, expected, notes) in [
        (sv3d(b"equi", &equi([0; 4]), [0; 3]), Some((Projection::SPHERE, level)), 0),
        (
            sv3d(b"equi", &equi(HALF), [90 << 16, -(45 << 16), 1 << 15]),
            Some((Projection::HALF, Pose { yaw: 90 << 16, pitch: -(45 << 16), roll: 1 << 15 })),
            0,
        ),
        (sv3d(b"equi", &equi(HALF), [181 << 16, 0, 0]), Some((Projection::HALF, level)), 1),
        (
            sv3d(b"equi", &equi([1 << 29, 1 << 28, 0, 0]), [0; 3]),
            Some((Projection::Equirect(Bounds { top: 1 << 29, bottom: 1 << 28, left: 0, right: 0 }), level)),
            0,
        ),
        (sv3d(b"equi", &equi([u32::MAX, 1, 0, 0]), [0; 3]), None, 1),
        (sv3d(b"equi", &equi(HALF)[..11], [0; 3]), None, 1),
        (sv3d(b"cbmp", &words(&[0, 0, 8]), [0; 3]), Some((Projection::Cubemap { padding: 8 }, level)), 0),
        (sv3d(b"cbmp", &words(&[0, 5, 8]), [0; 3]), None, 1),
        (sv3d(b"mshp", &mesh, [0; 3]), Some((meshed, level)), 0),
        (sv3d(b"mshp", &mesh[..9], [0; 3]), None, 1),
        (sv3d(b"what", &[], [0; 3]), None, 0),
        (vexu(b"rect", None), Some((Projection::Rectilinear, level)), 0),
        (vexu(b"equi", None), Some((Projection::SPHERE, level)), 0),
        (vexu(b"hequ", Some(180_000)), Some((Projection::HALF, level)), 0),
        (vexu(b"fish", Some(189_700)), Some((fisheye(190), level)), 0),
        (vexu(b"fish", None), Some((fisheye(180), level)), 0),
        (vexu(b"fish", Some(u32::MAX)), Some((fisheye(180), level)), 0),
        (vexu(b"prim", None), None, 1),
        // Version 2 wins over Apple's.
        (
            [vexu(b"equi", None), sv3d(b"equi", &equi(HALF), [0; 3])].concat(),
            Some((Projection::HALF, level)),
            0,
        ),
    ] {
        assert_eq!(stated(entry.clone(), vec![]), (expected, notes), "{entry:x?}");
    }
}

#[test]
fn version_1_states_what_version_2_leaves_open() {
    let id = [0xff, 0xcc, 0x82, 0x63, 0xf8, 0x55, 0x4a, 0x93, 0x88, 0x14, 0x58, 0x7a, 0x02, 0x52, 0x1f, 0xdd];
    let xml = b"<r><GSpherical:Spherical>true</GSpherical:Spherical><GSpherical:StereoMode>left-right\
        </GSpherical:StereoMode><GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType></r>";
    let v1 = bx(b"uuid", &[&id, xml]);
    let whole = Some((Projection::SPHERE, Pose::default()));
    assert_eq!(stated(vec![], v1.clone()), (whole, 0));
    let half = sv3d(b"equi", &equi(HALF), [0; 3]);
    assert_eq!(stated(half.clone(), v1.clone()).0.unwrap().0, Projection::HALF);
    let source = open(&File::with(half, v1).bytes()).unwrap();
    assert_eq!(source.video().layout.packing.as_ref().unwrap().0, Packing::SideBySide);
}

/// Sizes of boxes made wrong, bodies cut, bytes flipped: an answer or a refusal, never a panic.
#[test]
fn damaged_boxes_never_panic() {
    let mesh = [&words(&[0, 1]), &b"dfl8"[..], &[7; 30]].concat();
    for entry in
        [sv3d(b"equi", &equi(HALF), [1, 2, 3]), sv3d(b"mshp", &mesh, [0; 3]), vexu(b"fish", Some(190_000))]
    {
        for at in 0..entry.len() {
            for value in [0, 1, 7, 0x7f, 0xff] {
                let mut damaged = entry.clone();
                damaged[at] = value;
                let _ = open(&File::with(damaged, vec![]).bytes()).map(|s| s.video().layout.clone());
            }
            let _ = open(&File::with(entry[..at].to_vec(), vec![]).bytes());
        }
    }
}
