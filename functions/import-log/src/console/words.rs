//! How things are put into words and marks, the same on every page.

use maud::{Markup, PreEscaped, html};
use people_core::log::{Ending, State};
use people_core::log_text::LogKind;
use people_core::shown::visible;
use people_core::summary::{Source, Standing, Summary};
use people_core::time::Timestamp;
use people_core::zone::Zone;

/// The most bytes of entries on one page; what is around them takes some more. A page stays below 60 KB so.
pub(super) const MOST_BYTES: usize = 36 * 1024;
/// The most characters of one text; the whole of it is in the log.
const MOST_CHARACTERS: usize = 300;

/// What became of an import, as support staff read it.
pub(super) fn sentence(summary: &Summary) -> String {
    let (updated, failed, pending) = (summary.succeeded, summary.failed, summary.pending());
    let errors = if failed == 1 { "1 error".to_owned() } else { format!("{failed} errors") };
    let became = match (summary.state, summary.now()) {
        (State::Accepted, Standing::Pending) => "waits for its body",
        (State::Running, Standing::Pending) => "running",
        (State::Ended(_), Standing::Pending) => "pending",
        (_, Standing::Successful) => "successful",
        (_, Standing::Unsuccessful) => "unsuccessful",
    };
    let to_come = if pending > 0 { format!(", {pending} to come") } else { String::new() };
    format!("Import {became}, {updated} updated, {errors}{to_come}")
}

/// A mark of what holds, in a word, a sign and a colour.
pub(super) fn badge(standing: Standing) -> Markup {
    match standing {
        Standing::Successful => mark("good", "✓", "Successful"),
        Standing::Pending => mark("wait", "…", "Pending"),
        Standing::Unsuccessful => mark("bad", "!", "Unsuccessful"),
    }
}

/// A mark of how a delivery ended.
pub(super) fn ending(ending: &Ending) -> Markup {
    match ending {
        Ending::Updated => mark("good", "✓", "Updated"),
        Ending::Unchanged => mark("good", "✓", "Unchanged"),
        Ending::Superseded => mark("good", "✓", "Superseded"),
        Ending::Deferred(_) => mark("wait", "…", "Not yet"),
        Ending::WouldUpdate(_) => mark("good", "✓", "Would be updated"),
        Ending::PartlyUpdated(_) => mark("bad", "!", "Partly updated"),
        Ending::WouldPartlyUpdate(..) => mark("bad", "!", "Would be partly updated"),
        Ending::UnknownPerson => mark("bad", "!", "Unknown person"),
        Ending::Refused(_) => mark("bad", "!", "Refused"),
        Ending::GivenUp(_) => mark("bad", "!", "Given up"),
    }
}

/// A mark of a line's kind.
pub(super) fn kind(kind: LogKind) -> Markup {
    let name = format!("{kind:?}");
    match kind.severity() {
        "Success" => mark("good", "✓", &name),
        "Warning" => mark("wait", "…", &name),
        _ => mark("bad", "!", &name),
    }
}

fn mark(class: &str, sign: &str, word: &str) -> Markup {
    html! { span class={ "badge " (class) } { span aria-hidden="true" { (sign) } " " (word) } }
}

/// A moment in the reader's zone.
pub(super) fn moment(zone: Zone, moment: Timestamp) -> Markup {
    html! { time datetime=(moment.to_rfc3339()) { (zone.show(moment)) } }
}

/// Which way an import came in.
pub(super) fn source(source: Source) -> &'static str {
    match source {
        Source::Direct => "a request",
        Source::Document => "a single document",
        Source::Staged => "a body sent ahead",
        Source::Inbox => "a file of the inbox",
    }
}

/// Milliseconds, as people read them.
pub(super) fn duration(milliseconds: u32) -> String {
    if milliseconds < 1000 {
        return format!("{milliseconds} ms");
    }
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

/// Links to other pages, where there are any.
pub(super) fn pages(label: &str, links: &[Option<(String, &str)>]) -> Markup {
    html! {
        @if links.iter().any(Option::is_some) {
            nav.pages aria-label=(label) {
                @for (path, name) in links.iter().flatten() { a href=(path) { (name) } }
            }
        }
    }
}

/// How many there are of something.
pub(super) fn number(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// A text that may be very long, cut, with everything in it to be seen.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        None => visible(text),
        Some((end, _)) => format!("{}… (the log has all of it)", visible(&text[..end])),
    }
}

/// The entries that fit on a page, in order, and how many they are: at least one, if there is any.
pub(super) fn fitting<T>(entries: &[T], draw: impl Fn(&T) -> Markup) -> (Markup, usize) {
    fitting_into(MOST_BYTES, entries, draw)
}

/// The same of so many bytes.
pub(super) fn fitting_into<T>(bytes: usize, entries: &[T], draw: impl Fn(&T) -> Markup) -> (Markup, usize) {
    let mut page = String::new();
    let mut count = 0;
    for entry in entries {
        let drawn = draw(entry).into_string();
        if count > 0 && page.len() + drawn.len() > bytes {
            break;
        }
        page += &drawn;
        count += 1;
    }
    (PreEscaped(page), count)
}

#[cfg(test)]
mod tests {
    use people_core::id::ImportId;
    use people_core::log::Answer;
    use people_core::shown::Shown;

    use super::*;

    #[test]
    fn an_import_is_told_as_support_staff_know_it() {
        let at = Timestamp::from_millis(1_700_757_179_000);
        let summary = |state, parts, succeeded, failed| Summary {
            id: ImportId::new(at, [0; 10]),
            received_at: at,
            key_name: Shown::new("payroll"),
            state,
            source: Source::Direct,
            dry_run: false,
            parts,
            succeeded,
            failed,
            kinds: [].into(),
            targets: [].into(),
            redelivered: false,
        };
        let ended = State::Ended(Answer::Succeeded);
        for (summary, told) in [
            (summary(ended, 1, 1, 0), "Import successful, 1 updated, 0 errors"),
            (summary(ended, 3, 0, 3), "Import unsuccessful, 0 updated, 3 errors"),
            (summary(ended, 0, 0, 1), "Import unsuccessful, 0 updated, 1 error"),
            (summary(ended, 3, 1, 0), "Import pending, 1 updated, 0 errors, 2 to come"),
            (summary(State::Running, 3, 0, 1), "Import running, 0 updated, 1 error, 2 to come"),
            (summary(State::Accepted, 0, 0, 0), "Import waits for its body, 0 updated, 0 errors"),
        ] {
            assert_eq!(sentence(&summary), told);
        }
    }

    #[test]
    fn a_page_takes_what_fits_and_one_entry_in_any_case() {
        let draw = |bytes: &usize| html! { ("x".repeat(*bytes)) };
        let fits = |entries: &[usize]| fitting(entries, draw).1;
        assert_eq!(fits(&[]), 0);
        assert_eq!(fits(&[MOST_BYTES - 1, 1]), 2);
        assert_eq!(fits(&[MOST_BYTES - 1, 2]), 1);
        assert_eq!(fits(&[MOST_BYTES + 1, 1]), 1);
    }

    #[test]
    fn long_texts_are_cut_and_durations_are_short() {
        assert_eq!(cut(&"é".repeat(MOST_CHARACTERS)), "é".repeat(MOST_CHARACTERS));
        let long = cut(&"é".repeat(MOST_CHARACTERS + 1));
        assert_eq!(long, format!("{}… (the log has all of it)", "é".repeat(MOST_CHARACTERS)));
        assert_eq!(
            [duration(51), duration(999), duration(1_000), duration(25_950)],
            ["51 ms", "999 ms", "1.0 s", "25.9 s"]
        );
    }
}
