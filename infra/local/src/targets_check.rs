//! `people targets check`: whether each target lets us in and knows somebody, before an import relies on it. Nothing is
//! changed anywhere, and nobody is named on the screen.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use people_adapters::config::{Config, PROFILE_DEFINITION, TARGETS};
use people_adapters::configuration::stored;
use people_adapters::connect_to_targets;
use people_adapters::system::SystemClock;
use people_core::person::{Identifier, Who};
use people_core::ports::{Clock, ConfiguredTarget, Found, Listing, Sighting};

use crate::failure::{Doing, Failure};
use crate::place::Place;
use crate::serve::{say, tell};
use crate::stack::{Files, files, is_simulated, secrets};

/// How long a target may take for its list, and again for the look-up.
const LONGEST: Duration = Duration::from_secs(120);

/// What is to be checked.
pub struct Check {
    /// The folder of the configuration, in place of the one in the bucket.
    pub config: Option<PathBuf>,
    /// The person who is looked for; one of those whom the target lists where nobody is said.
    pub person: Option<Who>,
    /// The target that is checked; all of them where none is said.
    pub target: Option<String>,
}

/// Checks the targets side by side, and says of each what worked or what is wrong, in the order of the configuration.
///
/// # Errors
/// Where the configuration is not good, or one of the targets is not well.
pub async fn run(check: &Check, place: &Place) -> Result<(), Failure> {
    let targets = chosen(check, place).await?;
    let all = join_all(targets.iter().map(|target| one(target, check.person.as_ref()))).await;
    let mut unwell = 0;
    for (target, checked) in targets.iter().zip(&all) {
        unwell += usize::from(checked.is_err());
        let (Ok(told) | Err(told)) = checked;
        say(&format!("{}: {told}", target.name));
    }
    match unwell {
        0 => Ok(()),
        _ => Err(Failure(format!("{unwell} of {} checked targets failed", targets.len()))),
    }
}

/// The targets that are meant, made as a function makes them.
async fn chosen(check: &Check, place: &Place) -> Result<Vec<ConfiguredTarget>, Failure> {
    let (definition, targets) = read(check.config.as_deref(), place).await?;
    let mut config = Config::for_targets().map_err(|faults| Failure(faults.to_string()))?;
    let (simulators, folder) = place.simulators_and_folder();
    config.simulators = simulators;
    let folder = check.config.as_deref().or(folder.as_deref());
    if let Some(secrets) = secrets(folder, is_simulated(&targets))? {
        config.secrets = secrets;
    }
    let targets = connect_to_targets(&config, &definition, &targets).await;
    let targets = targets.map_err(|refused| Failure(refused.to_string()))?;
    let is_meant =
        |target: &&ConfiguredTarget| check.target.as_deref().is_none_or(|name| name == target.name.as_ref());
    let chosen: Vec<_> = targets.iter().filter(is_meant).cloned().collect();
    if chosen.is_empty() {
        let names: Vec<_> = targets.iter().map(|target| target.name.as_ref()).collect();
        return Err(Failure(format!("there is no such target; there are: {}", names.join(", "))));
    }
    Ok(chosen)
}

/// The configuration in a folder, or else the one in the bucket.
async fn read(folder: Option<&Path>, place: &Place) -> Result<Files, Failure> {
    if let Some(folder) = folder {
        tell(&format!("With the configuration in {}:", folder.display()));
        return files(folder);
    }
    let bucket = place.bucket()?;
    tell(&format!("At {place}, bucket {bucket}:"));
    let s3 = place.connect().await?.s3;
    let read = async |object: &str| {
        let stored = stored(&s3, bucket, object).await;
        let stored = stored.doing(format_args!("use {object} in the bucket {bucket}"))?;
        let missing = || Failure(format!("there is no {object} in the bucket {bucket}"));
        stored.map(|stored| stored.bytes.to_vec()).ok_or_else(missing)
    };
    Ok((read(PROFILE_DEFINITION).await?, read(TARGETS).await?))
}

/// What worked at a target, or what is wrong with it.
async fn one(target: &ConfiguredTarget, person: Option<&Who>) -> Result<String, String> {
    // The target's sentences begin with its name, and so does the line.
    let name = format!("{} ", target.name);
    let own_words = |why: String| why.strip_prefix(&name).map(str::to_owned).unwrap_or(why);
    let clock = SystemClock::default();
    let (worked, people) = match target.api.list(clock.now().plus(LONGEST)).await {
        Listing::Everybody(people) => (format!("logged in, {} listed", count(people.len())), people),
        Listing::CannotList => ("logged in".to_owned(), Vec::new()),
        Listing::Unavailable(why) => return Err(own_words(why)),
    };
    let (wanted, success) = match (person, somebody(&people)) {
        (Some(person), _) => (person.identifiers().cloned().collect(), "found the person"),
        (None, Some(identifier)) => (vec![identifier], "found one of them"),
        (None, None) => return Err("lists nobody to look up: --person says who is to be found".to_owned()),
    };
    let fault = match meant(target.api.find(&wanted, clock.now().plus(LONGEST)).await) {
        Found::Person(_) => return Ok(format!("{worked}, {success}")),
        Found::Nobody => "nobody has the identifier",
        Found::Several => "several people have the identifier",
        Found::CannotTell => "nobody can be looked up by such an identifier",
        Found::Unavailable(why) => return Err(own_words(why)),
    };
    Err(format!("{worked}, but {fault}"))
}

fn count(people: usize) -> String {
    match people {
        1 => "1 person".to_owned(),
        many => format!("{many} people"),
    }
}

/// An identifier of one person alone.
fn somebody(people: &[Sighting]) -> Option<Identifier> {
    let mut times: HashMap<Identifier, usize> = HashMap::new();
    for identifier in people.iter().flat_map(Sighting::identifiers) {
        *times.entry(identifier).or_default() += 1;
    }
    people.iter().flat_map(Sighting::identifiers).find(|identifier| times.get(identifier) == Some(&1))
}

/// What the answers for all identifiers that a text may be come to.
fn meant(answers: Vec<Found>) -> Found {
    let mut meant = Found::CannotTell;
    for answer in answers {
        meant = match (meant, answer) {
            (Found::Several, _) | (_, Found::Several) => Found::Several,
            (Found::Person(one), Found::Person(other)) if one.key != other.key => Found::Several,
            (Found::Person(person), _) | (_, Found::Person(person)) => Found::Person(person),
            (Found::Unavailable(why), _) | (_, Found::Unavailable(why)) => Found::Unavailable(why),
            (Found::Nobody, _) | (_, Found::Nobody) => Found::Nobody,
            (Found::CannotTell, Found::CannotTell) => Found::CannotTell,
        };
    }
    meant
}

#[cfg(test)]
mod tests {
    use people_core::person::NativeKey;

    use super::*;

    fn person(key: &str, employee_id: &str) -> Sighting {
        let employee_id = (!employee_id.is_empty()).then(|| employee_id.to_owned());
        Sighting { key: NativeKey(key.to_owned()), employee_id, upn: None }
    }

    #[test]
    fn a_text_that_may_be_two_identifiers_means_whoever_has_one_of_them() {
        let (joe, ann) = (Found::Person(person("1", "7")), Found::Person(person("2", "8")));
        let down = || Found::Unavailable("down".to_owned());
        for (answers, expected) in [
            (vec![Found::Nobody, joe.clone()], joe.clone()),
            (vec![joe.clone(), Found::CannotTell], joe.clone()),
            (vec![joe.clone(), joe.clone()], joe.clone()),
            (vec![joe.clone(), down()], joe.clone()),
            (vec![joe.clone(), ann], Found::Several),
            (vec![Found::Several, joe], Found::Several),
            (vec![Found::Nobody, down()], down()),
            (vec![Found::CannotTell, Found::Nobody], Found::Nobody),
            (vec![Found::CannotTell], Found::CannotTell),
            (vec![], Found::CannotTell),
        ] {
            assert_eq!(meant(answers.clone()), expected, "{answers:?}");
        }
    }

    #[test]
    fn somebody_is_who_has_an_identifier_that_nobody_else_has() {
        let people = [person("1", ""), person("2", "7"), person("3", "7"), person("4", "8")];
        assert_eq!(somebody(&people), Some(Identifier::EmployeeId("8".to_owned())));
        assert_eq!(somebody(&people[..3]), None);
    }
}
