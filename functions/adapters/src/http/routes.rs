//! The routes: which path leads to which function. The template and the local gateway both follow this table, and a
//! test holds them to it.

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use people_core::id::ImportId;
use percent_encoding::percent_decode_str;

/// A path of the API. Every method of it leads to the same function, which refuses those that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Where imports are sent to.
    PeopleImport,
    /// Where large bodies are announced.
    Uploads,
    /// What a person update may hold.
    ProfileDefinition,
    /// The list of the logs.
    ImportLogs,
    /// One log.
    ImportLog,
    /// What failed of one import.
    Failed,
    /// Delivering again what has not arrived of one import.
    Redeliveries,
    /// What has not arrived.
    Undelivered,
    /// The documents, named in the query.
    Documents,
    /// The documents of a person.
    PersonsDocuments,
    /// One document.
    Document,
    /// The console: signing in, and the list of the logs.
    Console,
    /// How the console's pages look.
    ConsoleStyle,
    /// Where a key is exchanged for a session.
    ConsoleSignIn,
    /// Where a session ends.
    ConsoleSignOut,
    /// Where a reader chooses their time zone.
    ConsoleTimeZone,
    /// One import, for reading.
    ConsoleImport,
    /// Its log as a file.
    ConsoleLog,
    /// Where what waits of it is made due.
    ConsoleDeliver,
    /// What happened to one person.
    ConsolePerson,
    /// What has not arrived, for reading.
    ConsoleUndelivered,
    /// How the targets are.
    ConsoleTargets,
    /// Whether the service answers.
    Health,
    /// What the codes in the answers mean.
    Docs,
}

/// A function behind routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// The batch import.
    BatchImport,
    /// One PDF of one person.
    PdfStorage,
    /// The lookup.
    ImportLog,
}

/// The values of a route's parameters, decoded, by name.
pub type Parameters = Vec<(&'static str, String)>;

impl Route {
    /// Every route.
    pub const ALL: [Route; 24] = [
        Route::PeopleImport,
        Route::Uploads,
        Route::ProfileDefinition,
        Route::ImportLogs,
        Route::ImportLog,
        Route::Failed,
        Route::Redeliveries,
        Route::Undelivered,
        Route::Documents,
        Route::PersonsDocuments,
        Route::Document,
        Route::Console,
        Route::ConsoleStyle,
        Route::ConsoleSignIn,
        Route::ConsoleSignOut,
        Route::ConsoleTimeZone,
        Route::ConsoleImport,
        Route::ConsoleLog,
        Route::ConsoleDeliver,
        Route::ConsolePerson,
        Route::ConsoleUndelivered,
        Route::ConsoleTargets,
        Route::Health,
        Route::Docs,
    ];

    /// The path, with its parameters as API Gateway writes them.
    pub fn path(self) -> &'static str {
        match self {
            Route::PeopleImport => "/api/PeopleImport",
            Route::Uploads => "/api/PeopleImport/uploads",
            Route::ProfileDefinition => "/api/ProfileDefinition",
            Route::ImportLogs => "/api/ImportLogs",
            Route::ImportLog => "/api/ImportLogs/{requestId}",
            Route::Failed => "/api/ImportLogs/{requestId}/failed",
            Route::Redeliveries => "/api/ImportLogs/{requestId}/redeliveries",
            Route::Undelivered => "/api/Undelivered",
            Route::Documents => "/api/Documents",
            Route::PersonsDocuments => "/api/Documents/{person}",
            Route::Document => "/api/Documents/{person}/{field}/{fileName}",
            Route::Console => "/console",
            Route::ConsoleStyle => "/console/style.css",
            Route::ConsoleSignIn => "/console/sign-in",
            Route::ConsoleSignOut => "/console/sign-out",
            Route::ConsoleTimeZone => "/console/time-zone",
            Route::ConsoleImport => "/console/imports/{requestId}",
            Route::ConsoleLog => "/console/imports/{requestId}/log.txt",
            Route::ConsoleDeliver => "/console/imports/{requestId}/deliver",
            Route::ConsolePerson => "/console/people",
            Route::ConsoleUndelivered => "/console/undelivered",
            Route::ConsoleTargets => "/console/targets",
            Route::Health => "/healthz",
            Route::Docs => "/docs",
        }
    }

    /// The path to this import, of a route that names one.
    pub fn to(self, import: ImportId) -> String {
        self.path().replace("{requestId}", &import.to_string())
    }

    /// Whether a page of the console sends a form there.
    pub fn takes_a_form(self) -> bool {
        matches!(
            self,
            Route::ConsoleSignIn | Route::ConsoleSignOut | Route::ConsoleTimeZone | Route::ConsoleDeliver
        )
    }

    /// The function that answers.
    pub fn function(self) -> Function {
        match self {
            // It is the one that calls the targets.
            Route::PeopleImport | Route::Uploads | Route::ProfileDefinition | Route::Redeliveries => {
                Function::BatchImport
            }
            Route::ImportLogs | Route::ImportLog | Route::Failed | Route::Undelivered | Route::Health => {
                Function::ImportLog
            }
            Route::Docs
            | Route::Console
            | Route::ConsoleStyle
            | Route::ConsoleSignIn
            | Route::ConsoleSignOut
            | Route::ConsoleTimeZone
            | Route::ConsoleImport
            | Route::ConsoleLog
            | Route::ConsoleDeliver
            | Route::ConsolePerson
            | Route::ConsoleUndelivered
            | Route::ConsoleTargets => Function::ImportLog,
            Route::Documents | Route::PersonsDocuments | Route::Document => Function::PdfStorage,
        }
    }

    /// The route of a path as it was sent, and its parameters; no parameter is empty.
    pub fn find(path: &str) -> Option<(Route, Parameters)> {
        Route::ALL.into_iter().find_map(|route| Some((route, route.parameters(path)?)))
    }

    fn parameters(self, path: &str) -> Option<Parameters> {
        let (mut wanted, mut sent) = (self.path().split('/'), path.split('/'));
        let mut parameters = Vec::new();
        loop {
            match (wanted.next(), sent.next()) {
                (None, None) => return Some(parameters),
                (Some(wanted), Some(sent)) => {
                    match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                        Some(name) if !sent.is_empty() => {
                            parameters
                                .push((name, percent_decode_str(sent).decode_utf8_lossy().into_owned()));
                        }
                        None if wanted == sent => {}
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
    }

    /// The route that API Gateway took for an event. Its path is not looked at: it has been decoded, so that a name with
    /// a slash could be taken for two.
    pub fn of(request: &Request) -> Option<Route> {
        let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return None };
        let (_, path) = context.route_key.as_deref()?.split_once(' ')?;
        Route::ALL.into_iter().find(|route| route.path() == path)
    }
}

impl Function {
    /// Every function behind a route.
    pub const ALL: [Function; 3] = [Function::BatchImport, Function::PdfStorage, Function::ImportLog];

    /// The name of its crate and of its binary.
    pub fn name(self) -> &'static str {
        match self {
            Function::BatchImport => "batch-import",
            Function::PdfStorage => "pdf-storage",
            Function::ImportLog => "import-log",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_one_route_with_its_parameters_decoded() {
        let found = |path: &str| Route::find(path);
        assert_eq!(found("/api/PeopleImport"), Some((Route::PeopleImport, vec![])));
        assert_eq!(
            found("/api/ImportLogs/a%20b"),
            Some((Route::ImportLog, vec![("requestId", "a b".into())]))
        );
        let parameters = vec![
            ("person", "a/b".to_owned()),
            ("field", "salary".to_owned()),
            ("fileName", "50% März.pdf".to_owned()),
        ];
        assert_eq!(
            found("/api/Documents/a%2Fb/salary/50%25%20M%C3%A4rz.pdf"),
            Some((Route::Document, parameters))
        );
        for path in [
            "/",
            "",
            "/api",
            "/api/ImportLogs/",
            "/api/ImportLogs/a/b",
            "/api/Documents/a/b",
            "/api/peopleimport",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }
}
