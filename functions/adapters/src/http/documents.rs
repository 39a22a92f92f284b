//! Single documents in and out: the names in a path or a query, and the answers that only they have.

use http::Response;
use http::header::{CACHE_CONTROL, HeaderValue, LOCATION};
use people_core::batch::RequestFault;
use people_core::document::{Link, StoredDocument};
use people_core::document_name::{DocumentName, parse_person};
use people_core::hex;
use people_core::log::ImportLog;
use people_core::person::Who;
use serde::Serialize;

use super::query::Query;
use super::{Format, Parameters, Route, imported, json, status, with_log};

const PERSON: &str = "person";
const FIELD: &str = "field";
const FILE_NAME: &str = "fileName";

/// The names that a request for documents has, decoded and not yet judged.
#[derive(Debug, Default)]
pub struct Names {
    person: Option<String>,
    field: Option<String>,
    file: Option<String>,
}

impl Names {
    /// The names of the parameters that the routes of documents have, in the path or in the query.
    pub const ALL: [&str; 3] = [PERSON, FIELD, FILE_NAME];

    /// Reads the names from where the route has them: the path's parameters, or else the query. In a query, `+` is a
    /// blank; what is no UTF-8, is there twice or is none of these names is a fault.
    pub fn read(route: Route, parameters: Parameters, query: Option<&str>) -> Result<Names, RequestFault> {
        let mut query = Query::parse(query).map_err(RequestFault::invalid)?;
        if route == Route::Documents {
            let [person, field, file] = Names::ALL.map(|name| query.take(name));
            query.finish().map_err(RequestFault::invalid)?;
            return Ok(Names { person, field, file });
        }
        query.finish().map_err(RequestFault::invalid)?;
        let mut names = Names::default();
        for (name, value) in parameters {
            if let Some(place) = names.place(name) {
                *place = Some(value);
            }
        }
        Ok(names)
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            PERSON => Some(&mut self.person),
            FIELD => Some(&mut self.field),
            FILE_NAME => Some(&mut self.file),
            _ => None,
        }
    }

    /// Whether these are the documents of a person, and none in particular.
    pub fn are_a_persons(&self) -> bool {
        self.field.is_none() && self.file.is_none()
    }

    /// The person alone.
    pub fn who(&self) -> Result<Who, RequestFault> {
        parse_person(self.person.as_deref())
    }

    /// The document.
    pub fn document(&self) -> Result<DocumentName, RequestFault> {
        DocumentName::parse(self.person.as_deref(), self.field.as_deref(), self.file.as_deref())
    }
}

/// The answer to a request for a link: it leads there, or says why it does not.
pub fn linked(log: &ImportLog, link: Option<&Link>, format: Format) -> Response<String> {
    let response = imported(log, format);
    match link {
        Some(link) => led_to(response, link),
        None => unstored(response),
    }
}

/// The answer, which leads to what is under a link, and is kept by nobody.
pub(super) fn led_to(mut response: Response<String>, link: &Link) -> Response<String> {
    // A URL that has been signed is ASCII.
    if let Ok(mut location) = HeaderValue::try_from(link.reveal()) {
        location.set_sensitive(true);
        response.headers_mut().insert(LOCATION, location);
    }
    unstored(response)
}

/// The answer to a request for the list: always JSON where there is one.
pub fn listed(log: &ImportLog, documents: Option<&[StoredDocument]>, format: Format) -> Response<String> {
    let Some(documents) = documents else { return unstored(imported(log, format)) };
    let list = List { documents: documents.iter().map(Listed::from).collect() };
    let mut response = json(status(log.answer_given()), serde_json::to_string(&list).unwrap_or_default());
    with_log(&mut response, log.id);
    unstored(response)
}

/// The answer to a deletion: without a body where nothing is left.
pub fn deleted(log: &ImportLog, format: Format) -> Response<String> {
    let mut response = imported(log, format);
    if response.status().is_success() {
        response = super::bare(response.status());
        with_log(&mut response, log.id);
    }
    response
}

/// What is said of a person's documents is true for a moment, and not for everybody.
fn unstored(mut response: Response<String>) -> Response<String> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[derive(Serialize)]
struct List<'a> {
    documents: Vec<Listed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    field: &'a str,
    file_name: &'a str,
    bytes: u64,
    sha256: String,
    stored_at: String,
    import_id: String,
}

impl<'a> From<&'a StoredDocument> for Listed<'a> {
    fn from(document: &'a StoredDocument) -> Listed<'a> {
        Listed {
            field: &document.field,
            file_name: &document.file_name,
            bytes: document.bytes,
            sha256: hex::encode(&document.sha256),
            stored_at: document.stored_at.to_rfc3339(),
            import_id: document.import.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The person, the field and the file of a query, or what is wrong with it.
    fn query(query: &str) -> Result<[Option<String>; 3], String> {
        let names =
            Names::read(Route::Documents, Vec::new(), Some(query)).map_err(|fault| fault.to_string())?;
        Ok([names.person, names.field, names.file])
    }

    fn some(names: [&str; 3]) -> Result<[Option<String>; 3], String> {
        Ok(names.map(|name| Some(name.to_owned())))
    }

    #[test]
    fn a_query_is_decoded_once_as_forms_are() {
        assert_eq!(
            query("code=k&person=a%2Fb%2Bc&fileName=M%C3%A4rz+2023%3F.pdf&field=salary"),
            some(["a/b+c", "salary", "März 2023?.pdf"])
        );
        assert_eq!(query("person=%252F&field=f&fileName=50%.pdf"), some(["%2F", "f", "50%.pdf"]));
        assert_eq!(query("person=a"), Ok([Some("a".into()), None, None]));
        assert_eq!(query(""), Ok([None, None, None]));
    }

    #[test]
    fn a_query_that_means_two_things_is_refused() {
        assert_eq!(query("person=a&field=f&person=a"), Err("The parameter 'person' is there twice.".into()));
        assert_eq!(query("person=&%70erson="), Err("The parameter 'person' is there twice.".into()));
        assert_eq!(query("person=a&Field=f"), Err("There is no parameter 'Field' here.".into()));
        assert_eq!(query("person=%FF"), Err("The query is not UTF-8.".into()));
    }

    #[test]
    fn names_in_the_path_are_not_looked_for_in_the_query() {
        let path = vec![("person", "a%2Fb".to_owned())];
        let refused = Names::read(Route::PersonsDocuments, path.clone(), Some("field=f")).unwrap_err();
        assert_eq!(refused.to_string(), "There is no parameter 'field' here.");
        let names = Names::read(Route::PersonsDocuments, path, Some("code=k")).unwrap();
        assert!(names.are_a_persons());
        assert_eq!(names.who().unwrap().written.as_str(), "a%2Fb");
    }
}
