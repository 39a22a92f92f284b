//! The page that says what each code in an answer means and what to do about it. The answers link to it, so what a code is
//! called never changes, and every code has its entry.

mod texts;

use std::fmt::Write as _;

use people_core::finding::FindingCode;
use people_core::log_text::LogKind;

use super::Route;
use super::problem::ProblemKind;

/// What a browser may do with the page: show it.
pub(super) const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta name=\"color-scheme\" content=\"light dark\">\n\
    <title>People Import: codes</title>\n</head>\n<body>\n<main>\n<h1>What the codes mean</h1>\n";
const FOOT: &str = "</main>\n</body>\n</html>\n";

/// A code: what it is called, what it means, and what to do.
struct Entry {
    code: String,
    means: &'static str,
    remedy: &'static str,
}

/// Where the entry of a code is, as a path of this API.
pub(super) fn link(code: &str) -> String {
    format!("{}#{code}", Route::Docs.path())
}

/// The page.
pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    let findings = FindingCode::ALL.map(|code| entry(code.as_str().to_owned(), texts::finding(code)));
    section(&mut page, "Findings", "What validation holds against a part.", &findings);
    let kinds = LogKind::ALL.map(|kind| entry(format!("{kind:?}"), texts::kind(kind)));
    section(&mut page, "Lines of the log", "What happened to a part, or to the whole request.", &kinds);
    let problems = ProblemKind::ALL.map(|kind| entry(kind.name(), texts::problem(kind)));
    section(&mut page, "Problems", "Why a request was not carried out.", &problems);
    page.push_str(FOOT);
    page
}

fn entry(code: String, (means, remedy): (&'static str, &'static str)) -> Entry {
    Entry { code, means, remedy }
}

fn section(page: &mut String, title: &str, about: &str, entries: &[Entry]) {
    let _ = writeln!(page, "<h2>{}</h2>\n<p>{}</p>\n<dl>", escaped(title), escaped(about));
    for Entry { code, means, remedy } in entries {
        let [code, means, remedy] = [code, *means, *remedy].map(escaped);
        let _ = writeln!(page, "<dt id=\"{code}\"><code>{code}</code></dt>\n<dd>{means} {remedy}</dd>");
    }
    page.push_str("</dl>\n");
}

/// A text as it stands in HTML, in an attribute too.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_entry_where_its_link_leads() {
        let page = page();
        let codes = FindingCode::ALL.map(|code| code.as_str().to_owned()).into_iter();
        let codes = codes.chain(LogKind::ALL.map(|kind| format!("{kind:?}")));
        let codes: Vec<_> = codes.chain(ProblemKind::ALL.map(ProblemKind::name)).collect();
        for code in &codes {
            let link = link(code);
            let (path, anchor) = link.split_once('#').unwrap();
            assert_eq!(path, Route::Docs.path());
            assert_eq!(page.matches(&format!("id=\"{anchor}\"")).count(), 1, "{code}");
        }
        assert_eq!(page.matches("id=\"").count(), codes.len());
    }

    #[test]
    fn a_fault_of_the_request_is_called_as_in_the_log() {
        for kind in LogKind::ALL {
            assert!(page().contains(&format!("id=\"{}\"", ProblemKind::Fault(kind).name())), "{kind:?}");
        }
    }

    #[test]
    fn the_page_is_small_and_nothing_in_it_is_taken_for_markup() {
        assert!(page().len() < 60 * 1024);
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
        let page = page();
        let text = page.split("<main>").nth(1).unwrap();
        assert!(!text.contains("<script") && !text.contains("style="));
    }
}
