//! How directions of view lie in the picture of one eye, and how that picture is turned.
//!
//! Pure values. Angles of a pose are kept as MP4 has them, in 65536ths of a degree, so that they come
//! out of a round trip as they went in. Specs: Google spherical video v2, RFC 9559 §5.1.4.1.28.41.
#![forbid(unsafe_code)]

use std::sync::Arc;

/// The part of the whole sphere that an equirectangular eye lacks on each side, as a fraction of the
/// sphere's extent in 2^-32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize)]
pub struct Bounds {
    /// Cut off at the top.
    pub top: u32,
    /// Cut off at the bottom.
    pub bottom: u32,
    /// Cut off on the left.
    pub left: u32,
    /// Cut off on the right.
    pub right: u32,
}

impl Bounds {
    /// All around.
    pub const SPHERE: Self = Self { top: 0, bottom: 0, left: 0, right: 0 };
    /// The front half: a quarter is cut off on either side.
    pub const HALF: Self = Self { top: 0, bottom: 0, left: 1 << 30, right: 1 << 30 };

    /// Bounds that leave something; the sum of two opposite ones must stay below the whole.
    pub fn checked(self) -> Option<Self> {
        let leaves = |a: u32, b: u32| a.checked_add(b).is_some_and(|sum| sum < u32::MAX);
        (leaves(self.top, self.bottom) && leaves(self.left, self.right)).then_some(self)
    }

    /// Degrees that are left, across and down.
    pub fn degrees(self) -> [f64; 2] {
        let left = |a: u32, b: u32| 1.0 - (f64::from(a) + f64::from(b)) / 4_294_967_296.0;
        [360.0 * left(self.left, self.right), 180.0 * left(self.top, self.bottom)]
    }
}

/// A mesh as the box `mshp` has it, from its version on: carried, never looked into.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mesh(pub Arc<[u8]>);

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mesh({} bytes)", self.0.len())
    }
}

impl serde::Serialize for Mesh {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{} bytes", self.0.len()))
    }
}

/// A projection of one eye.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Projection {
    /// As any camera sees: a flat picture.
    Rectilinear,
    /// Longitude across, latitude down.
    Equirect(Bounds),
    /// A round picture that fills the eye, radius proportional to the angle from the axis.
    Fisheye {
        /// Angle across the circle.
        fov_degrees: u16,
    },
    /// Six faces of 3x2: right, left, up; down, front, back.
    Cubemap {
        /// Pixels of padding around each face.
        padding: u32,
    },
    /// Six faces with equal angles from pixel to pixel.
    EquiAngularCubemap,
    /// Whatever the mesh says.
    Mesh(Mesh),
}

/// What becomes of a matte at the sides of an eye.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Edge {
    /// The picture ends there.
    Plain,
    /// Its left side goes on at its right side.
    Wraps,
    /// Outside the circle that fits into the eye there is no picture.
    LensCircle,
}

impl Projection {
    /// Equirectangular, all around.
    pub const SPHERE: Self = Self::Equirect(Bounds::SPHERE);
    /// Equirectangular, the front half.
    pub const HALF: Self = Self::Equirect(Bounds::HALF);

    /// What becomes of a matte at the sides of an eye.
    pub fn edge(&self) -> Edge {
        match self {
            Self::Equirect(Bounds { left: 0, right: 0, .. }) => Edge::Wraps,
            Self::Fisheye { .. } => Edge::LensCircle,
            _ => Edge::Plain,
        }
    }
}

impl std::fmt::Display for Projection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rectilinear => f.write_str("rectilinear"),
            Self::Equirect(Bounds::SPHERE) => f.write_str("equirectangular 360"),
            Self::Equirect(Bounds::HALF) => f.write_str("equirectangular 180"),
            Self::Equirect(bounds) => {
                let [across, down] = bounds.degrees();
                write!(f, "equirectangular {across:.1} by {down:.1} degrees")
            }
            Self::Fisheye { fov_degrees } => write!(f, "fisheye {fov_degrees}"),
            Self::Cubemap { padding: 0 } => f.write_str("cubemap"),
            Self::Cubemap { padding } => write!(f, "cubemap, faces padded by {padding} pixels"),
            Self::EquiAngularCubemap => f.write_str("equi-angular cubemap"),
            Self::Mesh(mesh) => write!(f, "mesh of {} bytes", mesh.0.len()),
        }
    }
}

/// How the picture is turned, in 65536ths of a degree (16.16 fixed point, as in the box `prhd`).
///
/// The texts disagree about signs (Matroska against Google's), and every program copies the number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize)]
pub struct Pose {
    /// About the upward axis, at most 180 degrees either way.
    pub yaw: i32,
    /// About the axis to the right, at most 90 degrees either way.
    pub pitch: i32,
    /// About the axis forward, at most 180 degrees either way.
    pub roll: i32,
}

const DEGREE: i32 = 1 << 16;

impl Pose {
    /// Whether there is no turn.
    pub fn is_level(self) -> bool {
        self == Self::default()
    }

    /// The pose, if its angles are within their ranges.
    pub fn checked(self) -> Option<Self> {
        let within = |angle: i32, degrees: i32| (-degrees * DEGREE..=degrees * DEGREE).contains(&angle);
        (within(self.yaw, 180) && within(self.pitch, 90) && within(self.roll, 180)).then_some(self)
    }

    /// From degrees; `None` for what is no angle within its range.
    pub fn from_degrees(degrees: [f64; 3]) -> Option<Self> {
        // Out of reach of 32 bits is out of every range, too.
        let [yaw, pitch, roll] = degrees.map(|angle| {
            (angle.is_finite() && angle.abs() <= 360.0).then(|| (angle * f64::from(DEGREE)).round() as i32)
        });
        Self { yaw: yaw?, pitch: pitch?, roll: roll? }.checked()
    }

    /// Yaw, pitch and roll in degrees.
    pub fn degrees(self) -> [f64; 3] {
        [self.yaw, self.pitch, self.roll].map(|angle| f64::from(angle) / f64::from(DEGREE))
    }

    /// The pose of a flat picture that is to be turned clockwise by quarters. Matroska counts roll
    /// counter-clockwise (RFC 9559 §5.1.4.1.28.46).
    pub fn turned(clockwise_degrees: u16) -> Self {
        let roll = match clockwise_degrees % 360 {
            270 => 90,
            turn => -i32::from(turn),
        };
        // Half a turn is the same either way; players write it without a sign.
        Self { roll: if roll == -180 { 180 } else { roll } * DEGREE, ..Self::default() }
    }

    /// The clockwise turn by quarters that this is; `None` for any other pose.
    pub fn quarter_turns(self) -> Option<u16> {
        if (self.yaw, self.pitch) != (0, 0) || self.roll % (90 * DEGREE) != 0 {
            return None;
        }
        u16::try_from((-self.roll / DEGREE).rem_euclid(360)).ok()
    }
}

impl std::fmt::Display for Pose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [yaw, pitch, roll] = self.degrees();
        write!(f, "turned by yaw {yaw}, pitch {pitch}, roll {roll} degrees")
    }
}
