//! The import log as text, to the byte of the documented API, and the vocabulary of its lines.

mod dry_run;
mod kind;

use std::fmt::Write as _;
use std::sync::Arc;

use crate::finding::MAX_NAMES;
use crate::later::{Later, News};
use crate::log::{Asked, Delivery, Ending, ImportLog, PartLog, PartOutcome, Subject};
use crate::shown::Shown;
use crate::time::Timestamp;

pub use kind::LogKind;

/// A line below the head of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its kind.
    pub kind: LogKind,
    /// The part that it is about; none where it is about the request.
    pub part: Option<usize>,
    /// When it happened, where that was after the import had ended.
    pub at: Option<Timestamp>,
    /// What follows the kind.
    pub text: String,
}

/// The whole log as text; every line ends in `\n`. First whether it was a dry run, then the parts that validation refused,
/// then the others, each in part order, then what happened later, in time order.
pub fn render(log: &ImportLog) -> String {
    let mut text = format!("{} - RequestId: {}\n", log.received_at.to_log_text(), log.id);
    for Line { kind, text: rest, .. } in lines(log) {
        let _ = writeln!(text, "{} - {rest}", kind.prefix());
    }
    text
}

/// The lines below the head, in their order.
pub fn lines(log: &ImportLog) -> Vec<Line> {
    let line = |part, at| move |(kind, text)| Line { kind, part, at, text };
    let dry_run = log.dry_run.then(|| (LogKind::DryRun, dry_run::HEAD.to_owned()));
    let fault = log.fault.as_ref().map(|fault| (LogKind::of(fault), fault.to_string()));
    let mut lines: Vec<Line> = dry_run.into_iter().chain(fault).map(line(None, None)).collect();
    for invalid in [true, false] {
        for (number, part) in
            log.parts.iter().enumerate().filter(|(_, part)| part.outcome.is_invalid() == invalid)
        {
            let mut of_part = Vec::new();
            part_lines(number, part, log.names_targets, &mut of_part);
            lines.extend(of_part.into_iter().map(line(Some(number), None)));
        }
    }
    for later in &log.later {
        let mut news = Vec::new();
        later_lines(later, log, &mut news);
        lines.extend(news.into_iter().map(line(Some(later.part), Some(later.at))));
    }
    lines
}

/// The lines of one part as it ended, as kind and text.
pub fn lines_of_part(number: usize, part: &PartLog, names_targets: bool) -> Vec<(LogKind, String)> {
    let mut lines = Vec::new();
    part_lines(number, part, names_targets, &mut lines);
    lines
}

/// The lines of something that happened later, as kind and text.
pub fn lines_of_later(later: &Later, log: &ImportLog) -> Vec<(LogKind, String)> {
    let mut lines = Vec::new();
    later_lines(later, log, &mut lines);
    lines
}

/// What happened to a part later reads like what happened to it at first, but that it was delivered again.
fn later_lines(later: &Later, log: &ImportLog, lines: &mut Vec<(LogKind, String)>) {
    let Some(part) = log.parts.get(later.part) else { return };
    let before = lines.len();
    match &later.news {
        News::Part(outcome) => {
            let part = PartLog { subject: part.subject.clone(), outcome: outcome.clone() };
            part_lines(later.part, &part, log.names_targets, lines);
        }
        News::Delivery(delivery) => {
            let deliveries = std::slice::from_ref(delivery);
            let is_one_of_several = log.names_targets;
            each_delivery_line(names(&part.subject).0, deliveries, is_one_of_several, lines);
        }
    }
    for (kind, _) in &mut lines[before..] {
        if matches!(kind, LogKind::PersonUpdated | LogKind::PersonUnchanged) {
            *kind = LogKind::PersonRedelivered;
        }
    }
}

fn part_lines(number: usize, part: &PartLog, names_targets: bool, lines: &mut Vec<(LogKind, String)>) {
    let (person, file) = names(&part.subject);
    let line = match &part.outcome {
        PartOutcome::Pending => return,
        PartOutcome::Interrupted => (LogKind::Interrupted, format!("Outcome of part {number} unknown")),
        PartOutcome::Delivered { deliveries, unmapped } => {
            delivery_lines(person, deliveries, names_targets, lines);
            if deliveries.is_empty() && unmapped.is_empty() {
                lines.push((LogKind::PersonUnchanged, format!("{person} unchanged")));
            }
            let unmapped = unmapped.iter().map(|field| format!("'{field}' of {person} goes to no target"));
            lines.extend(unmapped.map(|text| (LogKind::FieldNotMapped, text)));
            return;
        }
        PartOutcome::InvalidPerson(findings) => {
            let findings = findings.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
            (LogKind::InvalidPerson, format!("Invalid person in part {number}: {findings}"))
        }
        PartOutcome::InvalidFile(reason) => {
            (LogKind::InvalidFile, format!("Invalid file in part {number}: {reason}"))
        }
        PartOutcome::InvalidPart(reason) => (LogKind::InvalidPart, format!("Part {number}: {reason}")),
        PartOutcome::UnknownPerson => (LogKind::UnknownPerson, format!("Unknown person: {person}")),
        PartOutcome::IdentifierConflict(employee_id) => {
            (LogKind::IdentifierConflict, format!("{person} and {employee_id} are two persons"))
        }
        PartOutcome::Refused { why: reason, .. } => match file {
            Some(file) => (LogKind::FileNotUploaded, format!("{file} for {person} not uploaded: {reason}")),
            None => (LogKind::DeliveryRefused, format!("{person} not updated: {reason}")),
        },
        PartOutcome::Deferred(reason) => ending_line(person, &Ending::Deferred(reason.clone())),
        PartOutcome::GivenUp(reason) => ending_line(person, &Ending::GivenUp(reason.clone())),
        PartOutcome::Superseded => {
            let file = file.map_or_else(String::new, ToString::to_string);
            (
                LogKind::Superseded,
                format!("{file} for {person} not uploaded: a later request has replaced or deleted it"),
            )
        }
        PartOutcome::Uploaded => (LogKind::FileUploaded, a_file("Uploaded file", file, "for", person)),
        PartOutcome::Replaced => (LogKind::FileUploaded, a_file("Replaced file", file, "for", person)),
        PartOutcome::WouldUpload => {
            (LogKind::WouldBeUploaded, a_file("Would upload file", file, "for", person))
        }
        PartOutcome::WouldReplace => {
            (LogKind::WouldBeUploaded, a_file("Would replace file", file, "for", person))
        }
        PartOutcome::Linked => (LogKind::FileLinked, a_file("Link to file", file, "of", person)),
        PartOutcome::Deleted => (LogKind::FileDeleted, a_file("Deleted file", file, "of", person)),
        PartOutcome::Absent => (LogKind::FileDeleted, a_file("No file", file, "of", person)),
        PartOutcome::NotFound => (LogKind::FileNotFound, a_file("No file", file, "of", person)),
        PartOutcome::Listed(1) => (LogKind::FilesListed, format!("1 file of {person}")),
        PartOutcome::Listed(count) => (LogKind::FilesListed, format!("{count} files of {person}")),
        PartOutcome::Unserved { asked, why, .. } => unserved(*asked, file, person, why),
        PartOutcome::Imported(piece) => {
            let clean = piece.failed == 0;
            (if clean { LogKind::BatchImported } else { LogKind::BatchWithErrors }, piece.to_string())
        }
    };
    lines.push(line);
}

fn a_file(what: &str, file: Option<&Shown>, whose: &str, person: &Shown) -> String {
    file.map_or_else(String::new, |file| format!("{what} {file} {whose} {person}"))
}

fn unserved(asked: Asked, file: Option<&Shown>, person: &Shown, why: &str) -> (LogKind, String) {
    let (kind, done) = match asked {
        Asked::Link => (LogKind::FileNotLinked, "linked"),
        Asked::List => (LogKind::FilesNotListed, "listed"),
        Asked::Deletion => (LogKind::FileNotDeleted, "deleted"),
    };
    let what = file.map_or_else(|| "Files".to_owned(), ToString::to_string);
    (kind, format!("{what} of {person} not {done}: {why}"))
}

fn names(subject: &Subject) -> (&Shown, Option<&Shown>) {
    static NOBODY: std::sync::LazyLock<Shown> = std::sync::LazyLock::new(|| Shown::new(""));
    match subject {
        Subject::Person(Some(person)) => (person, None),
        Subject::Document(Some((person, file))) => (person, Some(file)),
        Subject::Person(None) | Subject::Document(None) | Subject::Unknown => (&NOBODY, None),
    }
}

/// One line for all targets where they agree, else one for each.
fn delivery_lines(
    person: &Shown,
    deliveries: &[Delivery],
    names_targets: bool,
    lines: &mut Vec<(LogKind, String)>,
) {
    let all =
        |wanted: fn(&Ending) -> bool| deliveries.iter().all(|delivery| wanted(&delivery.outcome.ending));
    if deliveries.is_empty() {
        return;
    }
    let complete = deliveries.iter().all(|delivery| delivery.superseded.is_empty());
    if complete && all(Ending::succeeded) {
        let unchanged = all(|ending| *ending == Ending::Unchanged);
        let ending = match dry_run::together(deliveries) {
            Some(would) => Ending::WouldUpdate(Box::new(would)),
            None if unchanged => Ending::Unchanged,
            None => Ending::Updated,
        };
        lines.push(ending_line(person, &ending));
        return;
    }
    if all(|ending| *ending == Ending::UnknownPerson) {
        lines.push(ending_line(person, &Ending::UnknownPerson));
        return;
    }
    each_delivery_line(person, deliveries, names_targets, lines);
}

/// A line for each target, and one more where fields were left out.
fn each_delivery_line(
    person: &Shown,
    deliveries: &[Delivery],
    names_targets: bool,
    lines: &mut Vec<(LogKind, String)>,
) {
    for delivery in deliveries {
        let at = if names_targets { format!(" at {}", delivery.target) } else { String::new() };
        if !delivery.superseded.is_empty() {
            let fields = listed(&delivery.superseded);
            let text = format!("{fields} of {person} not updated: a later import has set it{at}");
            lines.push((LogKind::Superseded, text));
        }
        if delivery.outcome.ending != Ending::Superseded {
            let (kind, text) = ending_line(person, &delivery.outcome.ending);
            lines.push((kind, text + &at));
        }
    }
}

/// Names of fields, as a finding lists them.
fn listed(fields: &[Arc<str>]) -> String {
    let names: Vec<_> = fields.iter().take(MAX_NAMES).map(|field| Shown::new(field).to_string()).collect();
    match fields.len() - names.len() {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// The reason of something that was not done and may be tried again, as a caller reads it.
pub fn send_again(reason: &str) -> String {
    format!("{reason}, send it again")
}

fn ending_line(person: &Shown, ending: &Ending) -> (LogKind, String) {
    match ending {
        Ending::Updated => (LogKind::PersonUpdated, format!("{person} updated")),
        Ending::Unchanged => (LogKind::PersonUnchanged, format!("{person} unchanged")),
        Ending::PartlyUpdated(what) => {
            (LogKind::PersonPartlyUpdated, format!("{person} updated, but {what}"))
        }
        Ending::UnknownPerson => (LogKind::UnknownPerson, format!("Unknown person: {person}")),
        Ending::Refused(reason) => (LogKind::DeliveryRefused, format!("{person} not updated: {reason}")),
        Ending::Deferred(reason) => (
            LogKind::DeliveryDeferred,
            format!("{person} not updated yet: {reason}, will be delivered again"),
        ),
        Ending::Superseded => {
            (LogKind::Superseded, format!("{person} not updated: a later import has done so"))
        }
        Ending::GivenUp(reason) => {
            (LogKind::DeliveryGivenUp, format!("{person} not updated, and not tried any more: {reason}"))
        }
        Ending::WouldUpdate(would) => (LogKind::WouldBeUpdated, dry_run::would_be(person, would)),
        Ending::WouldPartlyUpdate(would, what) => {
            (LogKind::WouldBePartlyUpdated, format!("{}, but {what}", dry_run::would_be(person, would)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Finding, FindingCode};
    use crate::id::ImportId;
    use crate::log::{Answer, Form, Outcome, State};
    use crate::summary::Source;

    fn log(parts: Vec<PartLog>) -> ImportLog {
        ImportLog {
            id: ImportId::parse("97aa006e-1fb7-47c6-ad10-1c8331b7d2c7").unwrap(),
            received_at: Timestamp::from_millis(1_700_757_179_000),
            key_name: Shown::new("test"),
            state: State::Running,
            fault: None,
            parts,
            names_targets: true,
            dry_run: false,
            form: Form::Array,
            source: Source::Direct,
            later: Vec::new(),
        }
    }

    fn person(outcome: PartOutcome) -> PartLog {
        PartLog { subject: Subject::Person(Some(Shown::new("joe@company.com"))), outcome }
    }

    fn file(outcome: PartOutcome) -> PartLog {
        let names = (Shown::new("joe@company.com"), Shown::new("salary/March 2023.pdf"));
        PartLog { subject: Subject::Document(Some(names)), outcome }
    }

    fn delivered(endings: &[Ending], unmapped: &[&str]) -> PartLog {
        let delivery = |(n, ending): (usize, &Ending)| Delivery {
            target: format!("t{n}").into(),
            outcome: Outcome::unsent(ending.clone()),
            superseded: Vec::new(),
        };
        let deliveries = endings.iter().enumerate().map(delivery).collect();
        person(PartOutcome::Delivered {
            deliveries,
            unmapped: unmapped.iter().map(|field| (*field).into()).collect(),
        })
    }

    /// The text without its first line, and the answer.
    fn check(parts: Vec<PartLog>, text: &str, answer: Answer) {
        let log = log(parts);
        assert_eq!(render(&log).split_once('\n').unwrap().1, text);
        assert_eq!(log.answer(), answer);
    }

    #[test]
    fn the_head_has_time_and_request_id() {
        assert_eq!(
            render(&log(vec![])),
            "2023-11-23T16:32:59 - RequestId: 97aa006e-1fb7-47c6-ad10-1c8331b7d2c7\n"
        );
    }

    #[test]
    fn documented_lines_are_as_documented() {
        check(
            vec![delivered(&[Ending::Updated], &[])],
            "Success - PersonUpdated - 'joe@company.com' updated\n",
            Answer::Succeeded,
        );
        check(
            vec![file(PartOutcome::Uploaded), file(PartOutcome::Replaced)],
            "Success - FileUploaded - Uploaded file 'salary/March 2023.pdf' for 'joe@company.com'\n\
             Success - FileUploaded - Replaced file 'salary/March 2023.pdf' for 'joe@company.com'\n",
            Answer::Succeeded,
        );
    }

    #[test]
    fn what_was_given_and_deleted_is_told() {
        let listed = |count| person(PartOutcome::Listed(count));
        check(
            vec![
                file(PartOutcome::Linked),
                listed(1),
                listed(2),
                file(PartOutcome::Deleted),
                file(PartOutcome::Absent),
            ],
            "Success - FileLinked - Link to file 'salary/March 2023.pdf' of 'joe@company.com'\n\
             Success - FilesListed - 1 file of 'joe@company.com'\n\
             Success - FilesListed - 2 files of 'joe@company.com'\n\
             Success - FileDeleted - Deleted file 'salary/March 2023.pdf' of 'joe@company.com'\n\
             Success - FileDeleted - No file 'salary/March 2023.pdf' of 'joe@company.com'\n",
            Answer::Succeeded,
        );
        let unserved = |asked| PartOutcome::Unserved { asked, why: "no".into(), passing: true };
        check(
            vec![
                file(PartOutcome::NotFound),
                file(unserved(Asked::Link)),
                person(unserved(Asked::List)),
                file(unserved(Asked::Deletion)),
            ],
            "Error - FileNotFound - No file 'salary/March 2023.pdf' of 'joe@company.com'\n\
             Error - FileNotLinked - 'salary/March 2023.pdf' of 'joe@company.com' not linked: no\n\
             Error - FilesNotListed - Files of 'joe@company.com' not listed: no\n\
             Error - FileNotDeleted - 'salary/March 2023.pdf' of 'joe@company.com' not deleted: no\n",
            Answer::Failed,
        );
    }

    #[test]
    fn what_validation_refused_comes_first() {
        check(
            vec![
                person(PartOutcome::UnknownPerson),
                person(PartOutcome::InvalidPerson(vec![Finding::whole(FindingCode::NoPersonIdentifier)])),
            ],
            "Error - InvalidPerson - Invalid person in part 1: NoPersonIdentifier: Neither 'userPrincipalName' nor 'employeeId' is provided.\n\
             Error - UnknownPerson - Unknown person: 'joe@company.com'\n",
            Answer::Failed,
        );
    }

    #[test]
    fn targets_are_named_where_they_differ() {
        check(
            vec![delivered(&[Ending::Updated, Ending::Unchanged], &[])],
            "Success - PersonUpdated - 'joe@company.com' updated\n",
            Answer::Succeeded,
        );
        check(
            vec![delivered(&[Ending::UnknownPerson, Ending::UnknownPerson], &[])],
            "Error - UnknownPerson - Unknown person: 'joe@company.com'\n",
            Answer::Failed,
        );
        check(
            vec![
                delivered(&[Ending::Updated, Ending::Refused("no".into())], &[]),
                delivered(&[Ending::Updated], &[]),
            ],
            "Success - PersonUpdated - 'joe@company.com' updated at t0\n\
             Error - DeliveryRefused - 'joe@company.com' not updated: no at t1\n\
             Success - PersonUpdated - 'joe@company.com' updated\n",
            Answer::PartlyFailed,
        );
    }

    #[test]
    fn a_field_that_goes_nowhere_fails_the_part_but_not_its_delivery() {
        check(
            vec![delivered(&[Ending::Updated], &["skills"])],
            "Success - PersonUpdated - 'joe@company.com' updated\n\
             Error - FieldNotMapped - 'skills' of 'joe@company.com' goes to no target\n",
            Answer::Failed,
        );
    }

    #[test]
    fn an_update_without_fields_is_unchanged() {
        check(
            vec![delivered(&[], &[])],
            "Success - PersonUnchanged - 'joe@company.com' unchanged\n",
            Answer::Succeeded,
        );
    }

    #[test]
    fn what_fails_for_a_passing_reason_is_delivered_again() {
        check(
            vec![delivered(&[Ending::Deferred("aktion does not answer".into())], &[])],
            "Warning - DeliveryDeferred - 'joe@company.com' not updated yet: aktion does not answer, will be delivered again at t0\n",
            Answer::Accepted,
        );
        check(
            vec![
                person(PartOutcome::Deferred("aktion does not answer".into())),
                person(PartOutcome::UnknownPerson),
            ],
            "Warning - DeliveryDeferred - 'joe@company.com' not updated yet: aktion does not answer, will be delivered again\n\
             Error - UnknownPerson - Unknown person: 'joe@company.com'\n",
            Answer::PartlyFailed,
        );
    }

    #[test]
    fn what_newer_imports_have_set_is_left_out() {
        let left_out = |ending: Ending| {
            let mut part = delivered(&[ending, Ending::Unchanged], &[]);
            let PartOutcome::Delivered { deliveries, .. } = &mut part.outcome else { panic!() };
            deliveries[0].superseded = vec!["phone".into(), "joinDate".into()];
            part
        };
        check(
            vec![left_out(Ending::Updated)],
            "Warning - Superseded - 'phone', 'joinDate' of 'joe@company.com' not updated: a later import has set it at t0\n\
             Success - PersonUpdated - 'joe@company.com' updated at t0\n\
             Success - PersonUnchanged - 'joe@company.com' unchanged at t1\n",
            Answer::Succeeded,
        );
        check(
            vec![left_out(Ending::Superseded), file(PartOutcome::Superseded)],
            "Warning - Superseded - 'phone', 'joinDate' of 'joe@company.com' not updated: a later import has set it at t0\n\
             Success - PersonUnchanged - 'joe@company.com' unchanged at t1\n\
             Warning - Superseded - 'salary/March 2023.pdf' for 'joe@company.com' not uploaded: a later request has replaced or deleted it\n",
            Answer::Succeeded,
        );
    }

    #[test]
    fn what_happened_later_comes_last() {
        let at = Timestamp::from_millis(1_700_760_000_000);
        let delivery = |ending: Ending| {
            let PartOutcome::Delivered { mut deliveries, .. } = delivered(&[ending], &[]).outcome else {
                panic!()
            };
            News::Delivery(deliveries.remove(0))
        };
        let why = || "t0 does not answer".to_owned();
        let mut log = log(vec![
            delivered(&[Ending::Deferred(why())], &[]),
            person(PartOutcome::Deferred(why())),
            person(PartOutcome::UnknownPerson),
        ]);
        log.later = [
            (0, delivery(Ending::Deferred(why()))),
            (1, News::Part(delivered(&[Ending::Updated], &[]).outcome)),
            (0, delivery(Ending::Updated)),
        ]
        .map(|(part, news)| Later { at, part, news })
        .into();
        assert_eq!(
            render(&log).split_once('\n').unwrap().1,
            "Warning - DeliveryDeferred - 'joe@company.com' not updated yet: t0 does not answer, will be delivered again at t0\n\
             Warning - DeliveryDeferred - 'joe@company.com' not updated yet: t0 does not answer, will be delivered again\n\
             Error - UnknownPerson - Unknown person: 'joe@company.com'\n\
             Warning - DeliveryDeferred - 'joe@company.com' not updated yet: t0 does not answer, will be delivered again at t0\n\
             Success - PersonRedelivered - 'joe@company.com' updated\n\
             Success - PersonRedelivered - 'joe@company.com' updated at t0\n"
        );
        assert_eq!(log.answer(), Answer::PartlyFailed, "what was answered stays");
        log.state = State::Ended(log.answer());
        let summary = log.summary();
        assert_eq!((summary.succeeded, summary.failed, summary.pending()), (2, 1, 0));
        log.later = vec![Later { at, part: 0, news: delivery(Ending::GivenUp(why())) }];
        assert!(render(&log).ends_with(
            "Error - DeliveryGivenUp - 'joe@company.com' not updated, and not tried any more: t0 does not answer at t0\n"
        ));
    }

    #[test]
    fn what_an_import_still_owed_when_it_died_is_unknown() {
        let running = log(vec![person(PartOutcome::Pending), person(PartOutcome::UnknownPerson)]);
        let lines = |after: u64| {
            let now = running.received_at.plus(std::time::Duration::from_secs(after));
            render(&running.clone().seen_at(now)).lines().count()
        };
        assert_eq!((lines(119), lines(120)), (2, 3));
        let text = render(&running.clone().seen_at(running.received_at.plus(crate::log::DIED_AFTER)));
        assert!(text.contains("\nError - Interrupted - Outcome of part 0 unknown\n"), "{text}");
    }

    #[test]
    fn too_many_parts_are_counted() {
        let log = ImportLog { fault: Some(crate::batch::RequestFault::TooManyParts(51)), ..log(vec![]) };
        assert!(render(&log).ends_with("\nError - TooManyParts - 51 parts, at most 50 are allowed\n"));
        assert_eq!(log.answer(), Answer::TooManyParts);
    }
}
