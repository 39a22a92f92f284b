//! `people definition`: what is wrong with a profile definition, before anybody relies on it.

use std::fs;
use std::io::Read;
use std::path::Path;

use people_core::profile::Profile;

use crate::failure::{Doing, Failure};
use crate::serve::say;

/// Checks the definition in a file, or on standard input for `-`, and says how many fields it has.
///
/// # Errors
/// Every fault with its place, or why it could not be read.
pub fn check(file: &Path) -> Result<(), Failure> {
    let profile = Profile::parse(&read(file)?).map_err(|invalid| Failure(invalid.to_string()))?;
    say(&format!("The profile definition is valid: {}.", fields(&profile)));
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    if file != Path::new("-") {
        return fs::read(file).doing(format_args!("read {}", file.display()));
    }
    let mut json = Vec::new();
    std::io::stdin().read_to_end(&mut json).doing("read standard input")?;
    Ok(json)
}

/// How many fields there are, in words.
pub(crate) fn fields(profile: &Profile) -> String {
    match profile.fields().len() {
        1 => "1 field".to_owned(),
        many => format!("{many} fields"),
    }
}
