//! Which format a caller prefers. Clients of the documented API parse a bare GUID, so JSON is sent only to those who ask
//! for it by name and want it more than text.

use http::HeaderMap;
use http::header::ACCEPT;

use super::export::ExportFormat;

/// A format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text: the bare GUID, or the log to the byte.
    Text,
    /// The JSON report, or a problem document.
    Json,
}

/// Reads the `Accept` headers (RFC 9110, 12.5.1): JSON where `application/json` or `application/problem+json` is named
/// with a higher weight than `text/plain` has by its most specific range.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let mut json = 0.0_f32;
    let mut text = (0_u8, 0.0_f32);
    for value in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for range in value.split(',') {
            let (name, weight) = parse(range);
            match name.as_str() {
                "application/json" | "application/problem+json" => json = json.max(weight),
                "text/plain" => text = better(text, (3, weight)),
                "text/*" => text = better(text, (2, weight)),
                "*/*" => text = better(text, (1, weight)),
                _ => {}
            }
        }
    }
    if json > text.1 { Format::Json } else { Format::Text }
}

/// The format to take logs along in; none where JSON is as good, or nothing that there is was named: a browser and curl get
/// the list.
pub(super) fn export_format(headers: &HeaderMap) -> Option<ExportFormat> {
    let mut json = 0.0_f32;
    let mut best = (0.0_f32, None);
    for value in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for range in value.split(',') {
            let (name, weight) = parse(range);
            let export = match name.as_str() {
                "text/csv" => ExportFormat::Csv,
                "application/x-ndjson" | "application/ndjson" => ExportFormat::Ndjson,
                "text/plain" => ExportFormat::Text,
                "application/json" | "application/problem+json" => {
                    json = json.max(weight);
                    continue;
                }
                _ => continue,
            };
            if weight > best.0 {
                best = (weight, Some(export));
            }
        }
    }
    best.1.filter(|_| best.0 > json)
}

/// Whether `text/csv` is named with a higher weight than JSON is, by whichever name. Where JSON is not named, CSV is wanted
/// no less than anything.
pub(super) fn prefers_csv(headers: &HeaderMap) -> bool {
    let (mut csv, mut json, mut anything) = (0.0_f32, None::<f32>, 0.0_f32);
    for value in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for (name, weight) in value.split(',').map(parse) {
            match name.as_str() {
                "text/csv" => csv = csv.max(weight),
                "application/schema+json" | "application/json" => {
                    json = Some(json.map_or(weight, |json| json.max(weight)));
                }
                "application/*" | "*/*" => anything = anything.max(weight),
                _ => {}
            }
        }
    }
    csv > 0.0 && json.map_or(csv >= anything, |json| csv > json)
}

/// The more specific of two ranges, and of two alike the heavier.
fn better(one: (u8, f32), other: (u8, f32)) -> (u8, f32) {
    if other.0 > one.0 || (other.0 == one.0 && other.1 > one.1) { other } else { one }
}

/// A media range and its weight; a weight that cannot be read is 1.
fn parse(range: &str) -> (String, f32) {
    let mut pieces = range.split(';').map(str::trim);
    let name = pieces.next().unwrap_or_default().to_ascii_lowercase();
    let weight = pieces.find_map(|piece| piece.strip_prefix("q=").or_else(|| piece.strip_prefix("Q=")));
    (name, weight.and_then(|weight| weight.parse().ok()).unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        format(&headers)
    }

    #[test]
    fn without_a_clear_wish_for_json_the_answer_is_text() {
        assert_eq!(format(&HeaderMap::new()), Format::Text);
        for accept in [
            "*/*",
            "",
            "application/json, text/plain, */*",
            "application/json, */*",
            "text/plain",
            "application/*",
            "application/json;q=0",
            "application/json;q=0.4, text/plain;q=0.5",
            "application/xml",
            "text/html,application/xhtml+xml,*/*;q=0.8",
        ] {
            assert_eq!(of(accept), Format::Text, "{accept}");
        }
    }

    #[test]
    fn a_list_is_taken_along_only_in_a_format_that_is_named_and_preferred() {
        let of = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            export_format(&headers)
        };
        assert_eq!(export_format(&HeaderMap::new()), None);
        for accept in [
            "*/*",
            "application/json",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json, text/plain, */*",
            "text/csv, application/json",
            "text/csv;q=0",
            "text/*",
        ] {
            assert_eq!(of(accept), None, "{accept}");
        }
        for (accept, format) in [
            ("text/csv", ExportFormat::Csv),
            ("Text/CSV; charset=utf-8", ExportFormat::Csv),
            ("application/x-ndjson, */*", ExportFormat::Ndjson),
            ("application/ndjson;q=0.9, text/csv;q=0.8", ExportFormat::Ndjson),
            ("text/plain", ExportFormat::Text),
            ("application/json;q=0.5, text/plain", ExportFormat::Text),
        ] {
            assert_eq!(of(accept), Some(format), "{accept}");
        }
    }

    #[test]
    fn json_is_sent_where_it_is_named_and_preferred() {
        for accept in [
            "application/json",
            "Application/JSON",
            "application/problem+json",
            "application/json, */*;q=0.5",
            "application/json;q=0.5, text/plain;q=0.4",
            "text/plain;q=0.1, */*, application/json;q=0.9",
            "application/json; charset=utf-8",
        ] {
            assert_eq!(of(accept), Format::Json, "{accept}");
        }
    }

    #[test]
    fn csv_is_sent_where_it_is_named_and_preferred() {
        let prefers = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            prefers_csv(&headers)
        };
        for accept in [
            "text/csv",
            "Text/CSV; header=present",
            "text/csv, */*",
            "text/csv;q=0.6, application/json;q=0.5, */*",
            "application/json;q=0.5, text/csv;q=0.6",
        ] {
            assert!(prefers(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/*",
            "text/csv;q=0",
            "text/csv, application/json",
            "text/csv;q=0.5, */*",
            "text/csv;q=0.5, application/*;q=0.6",
            "application/schema+json, text/csv;q=0.9",
        ] {
            assert!(!prefers(accept), "{accept}");
        }
        assert!(!prefers_csv(&HeaderMap::new()));
    }
}
