//! The jobs done at full size, one folder each: reference, tests and (with a GPU) launcher.
