//! Names of outputs: one file as it was given, or names derived from those of the inputs.
#![forbid(unsafe_code)]

use super::error::Error;
use super::inputs::Named;
use super::outputs::OutputKind;
use super::settings::{Job, Target};
use crate::layout::{Layout, LayoutChoice, Names, marked_name, packed_name};
use crate::media::Source;
use crate::render::packed::Geometry;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Where results are to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The one input's result; of several, the name that theirs are made of.
    File(PathBuf),
    /// Every input's result, by its name with a player's marks, below the folders that it was found below.
    Folder(PathBuf, Names),
}

/// What is wanted of every input, as far as names depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The outputs.
    pub kinds: &'a [OutputKind],
    /// The layout where the user says it.
    pub choice: &'a LayoutChoice,
    /// Field of view of packed alpha where the user says it.
    pub fisheye_fov: Option<u16>,
}

/// Gives each input its outputs. For names with marks each input is opened: marks follow from its layout.
///
/// # Errors
/// Several inputs for one file, two results of one name, an output that is an input.
pub fn assign_outputs(
    inputs: &[Named],
    destination: &Destination,
    wanted: &Wanted<'_>,
) -> Result<Vec<Job>, Error> {
    let jobs: Vec<Job> = match destination {
        Destination::File(output) => {
            let [Named { path: input, .. }] = inputs else {
                let n = inputs.len();
                return Err(Error::Usage(format!("-o takes one input, {n} were given; use --out-dir")));
            };
            vec![Job { input: input.clone(), outputs: beside(output, input, wanted)? }]
        }
        Destination::Folder(folder, names) => inputs
            .iter()
            .map(|Named { path: input, below }| {
                let stem = stem_of(input)?;
                let place = folder.join(below);
                Ok(Job {
                    input: input.clone(),
                    outputs: Name { input, wanted, names: *names }.all(stem, &place),
                })
            })
            .collect::<Result<_, Error>>()?,
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let sources: Vec<PathBuf> = inputs.iter().map(|named| real(&named.path)).collect();
    let mut taken: HashMap<&Path, &Path> = HashMap::new();
    for (input, Target { path: output, .. }) in
        jobs.iter().flat_map(|job| job.outputs.iter().map(|target| (&job.input, target)))
    {
        if sources.contains(&real(output)) {
            let what = if real(output) == real(input) { "the input itself" } else { "an input of this run" };
            return Err(Error::Usage(format!("output {} is {what}", output.display())));
        }
        if let Some(other) = taken.insert(output, input) {
            let (a, b, o) = (other.display(), input.display(), output.display());
            return Err(Error::Usage(match other == input {
                true => format!("two outputs of {a} would both be written to {o}"),
                false => format!("{a} and {b} would both be written to {o}"),
            }));
        }
    }
    Ok(jobs)
}

/// The outputs of the one input, of which one is given the very name and several names made of it.
fn beside(output: &Path, input: &Path, wanted: &Wanted<'_>) -> Result<Vec<Target>, Error> {
    if let [kind] = wanted.kinds {
        return Ok(vec![Target { kind: kind.clone(), path: output.to_path_buf() }]);
    }
    let folder = output.parent().unwrap_or(Path::new(""));
    Ok(Name { input, wanted, names: Names::Plain }.all(stem_of(output)?, folder))
}

fn stem_of(path: &Path) -> Result<&OsStr, Error> {
    path.file_stem().ok_or_else(|| {
        Error::Usage(format!("{} has no file name to derive the output's from", path.display()))
    })
}

/// Makes the names of an input's outputs.
struct Name<'a> {
    input: &'a Path,
    wanted: &'a Wanted<'a>,
    names: Names,
}

impl Name<'_> {
    fn all(&self, stem: &OsStr, folder: &Path) -> Vec<Target> {
        let Wanted { kinds, choice, fisheye_fov } = *self.wanted;
        // What cannot be opened is told of when it is its turn, under any name.
        let layout: OnceCell<Option<Layout>> = OnceCell::new();
        let layout = || {
            let open = || Source::open(self.input).ok().map(|source| source.layout(choice));
            layout.get_or_init(open).as_ref()
        };
        let target = |kind: &OutputKind| {
            let stem: OsString = match (kind, self.names, stem.to_str()) {
                (_, _, None) => stem.to_os_string(),
                (OutputKind::Packed, _, Some(text)) => {
                    let own = || layout().map(|layout| Geometry::fov_of(&layout.projection));
                    packed_name(text, fisheye_fov.or_else(own).unwrap_or(180)).into()
                }
                (_, Names::Plain, Some(_)) => stem.to_os_string(),
                (_, names, Some(text)) => {
                    layout().map_or_else(|| text.to_owned(), |layout| marked_name(text, layout, names)).into()
                }
            };
            Target { kind: kind.clone(), path: folder.join(kind.file_name(&stem, true)) }
        };
        kinds.iter().map(target).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assign(inputs: &[&str], destination: Destination, kinds: &str) -> Result<Vec<Vec<PathBuf>>, Error> {
        let named = |name: &&str| Named { path: PathBuf::from(name), below: PathBuf::new() };
        let kinds = crate::pipeline::parse_outputs(kinds).unwrap();
        let wanted = Wanted { kinds: &kinds, choice: &LayoutChoice::default(), fisheye_fov: None };
        let jobs = assign_outputs(&inputs.iter().map(named).collect::<Vec<_>>(), &destination, &wanted)?;
        Ok(jobs.into_iter().map(|job| job.outputs.into_iter().map(|target| target.path).collect()).collect())
    }

    #[test]
    fn outputs_are_named_after_their_inputs() {
        let folder = || Destination::Folder("out".into(), Names::Plain);
        let jobs = assign(&["a/x_LR_180.mp4", "y.mkv"], folder(), "alpha").unwrap();
        assert_eq!(jobs, [["out/x_LR_180.webm"], ["out/y.webm"]].map(|names| names.map(PathBuf::from)));
        let jobs = assign(&["x_TB_180.mp4"], folder(), "alpha,packed,matte,green,png").unwrap();
        let names = ["x_TB_180.webm", "x_LR_180_FISHEYE_F180_alpha.webm", "x_TB_180_matte.webm"];
        let names = names.into_iter().chain(["x_TB_180_green.webm", "x_TB_180_png"]);
        assert_eq!(jobs[0], names.map(|name| Path::new("out").join(name)).collect::<Vec<_>>());
    }

    #[test]
    fn one_output_has_the_name_that_was_given_and_several_have_names_made_of_it() {
        let file = |name: &str| Destination::File(name.into());
        assert_eq!(assign(&["x.mp4"], file("d/any.mkv"), "packed").unwrap(), [[PathBuf::from("d/any.mkv")]]);
        let jobs = assign(&["x.mp4"], file("d/any.webm"), "matte,alpha").unwrap();
        assert_eq!(jobs, [["d/any_matte.webm", "d/any.webm"].map(PathBuf::from)]);
    }

    #[test]
    fn collisions_are_refused_before_work_begins() {
        let folder = || Destination::Folder("out".into(), Names::Plain);
        let message = |r: Result<_, Error>| r.map(|_: Vec<Vec<PathBuf>>| ()).unwrap_err().to_string();
        assert!(message(assign(&["a/x.mp4", "b/x.mkv"], folder(), "alpha")).contains("both be written"));
        assert!(message(assign(&["out/x.webm"], folder(), "alpha")).contains("input itself"));
        assert!(message(assign(&["a", "b"], Destination::File("c".into()), "alpha")).contains("--out-dir"));
        assert!(message(assign(&["a"], Destination::File("a".into()), "alpha")).contains("input itself"));
        assert!(message(assign(&["a"], folder(), "green,#2be640")).contains("two outputs"));
        assert!(
            message(assign(&["x.mp4", "x_matte.mp4"], folder(), "alpha,matte")).contains("both be written")
        );
    }
}
