//! The Projection element of a video track: RFC 9559 §5.1.4.1.28.41 and what follows there.
//!
//! Input: the body of Video; a payload or an angle that makes no sense is noted and not used.
#![forbid(unsafe_code)]

use crate::layout::{Pose, Projection, StatedProjection};

use super::ebml::{child, float, unsigned};

const PROJECTION: u32 = 0x7670;
const TYPE: u32 = 0x7671;
const PRIVATE: u32 = 0x7672;
const YAW: u32 = 0x7673;
const PITCH: u32 = 0x7674;
const ROLL: u32 = 0x7675;

/// What the element states.
pub(super) fn read(video: &[u8], notes: &mut Vec<String>) -> Option<StatedProjection> {
    let element = child(video, PROJECTION)?;
    // The type's default is 0.
    let kind = child(element, TYPE).map_or(Some(0), unsigned)?;
    let private = child(element, PRIVATE).unwrap_or_default();
    let projection = match Projection::from_matroska(kind, private) {
        Ok(Some(projection)) => projection,
        Ok(None) => {
            notes.push(format!("element Projection: type {kind} is not processed"));
            return None;
        }
        Err(why) => {
            notes.push(format!("element Projection of type {kind} is not used: {why}"));
            return None;
        }
    };
    let angle = |id| child(element, id).map_or(Some(0.0), float);
    let pose = angle(YAW).zip(angle(PITCH)).zip(angle(ROLL));
    let pose = pose.and_then(|((yaw, pitch), roll)| Pose::from_degrees([yaw, pitch, roll]));
    if pose.is_none() {
        notes.push("the pose in element Projection is not used: an angle is out of its range".to_owned());
    }
    let detail = format!("element Projection: type {kind}, {projection}");
    Some(StatedProjection { projection, pose: pose.unwrap_or_default(), detail })
}

/// The clockwise turn of a flat picture, which Matroska tells by its pose.
pub(super) fn quarter_turns(stated: Option<&StatedProjection>) -> u16 {
    stated
        .filter(|stated| stated.projection == Projection::Rectilinear)
        .and_then(|stated| stated.pose.quarter_turns())
        .unwrap_or(0)
}
