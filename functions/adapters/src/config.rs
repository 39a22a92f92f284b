//! Settings: the environment, read once, with every fault reported at once. The only file that may read it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::aws::AwsSettings;
use crate::dynamodb::Tables;
use crate::secret::Secret;
use crate::secrets::{Secrets, SecretsAt};
use crate::share::Share;

/// The object that holds the profile definition, in the bucket.
pub const PROFILE_DEFINITION: &str = "config/profile-definition.json";
/// The object that holds the targets, in the bucket.
pub const TARGETS: &str = "config/targets.json";
/// Every variable of our own that is read; what each means is told at [`Config::from_env`].
pub const VARIABLES: [&str; 8] = [
    "PEOPLE_TABLE_PREFIX",
    "PEOPLE_BUCKET",
    "PEOPLE_RETENTION_DAYS",
    "PEOPLE_REQUESTS_PER_MINUTE",
    "PEOPLE_TARGET_SECRET",
    "PEOPLE_TARGET_SECRETS",
    "PEOPLE_TARGET_SHARE",
    "PEOPLE_NATIVE_ROOTS",
];
/// How long a log is kept where nothing else is said.
pub const DEFAULT_RETENTION_DAYS: u64 = 90;
/// How many requests a minute each API key may send where nothing else is said.
pub const DEFAULT_REQUESTS_PER_MINUTE: u32 = 6_000;
/// The most that may be said.
pub const MAX_REQUESTS_PER_MINUTE: u32 = 1_000_000;

/// Everything that a process has to be told.
#[derive(Debug)]
pub struct Config {
    /// How AWS is reached.
    pub aws: AwsSettings,
    /// The tables.
    pub tables: Tables,
    /// The bucket for documents and configuration.
    pub bucket: String,
    /// How long logs and index entries are kept.
    pub retention: Duration,
    /// How many requests a minute each API key may send; any number where there is none.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Where the credentials of the targets are.
    pub secrets: SecretsAt,
    /// How much of each target's limit and rate this process may use.
    pub share: Share,
    /// Where the simulators are that `targets.json` may name; none in the cloud.
    pub simulators: HashMap<String, String>,
}

/// What is missing or malformed in the environment, a line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not complete:\n{}", .0.join("\n"))]
pub struct InvalidEnvironment(pub Vec<String>);

impl Config {
    /// Reads the environment:
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `PEOPLE_TABLE_PREFIX` | how the names of the tables begin, `people` say |
    /// | `PEOPLE_BUCKET` | the bucket |
    /// | `PEOPLE_RETENTION_DAYS` | how long logs are kept; 90 where it is not set |
    /// | `PEOPLE_REQUESTS_PER_MINUTE` | how many requests a minute each API key may send; 6000 where it is not set, any number for 0 |
    /// | `PEOPLE_TARGET_SECRET` | the ARN or the name of the secret in Secrets Manager that holds the targets' credentials |
    /// | `PEOPLE_TARGET_SECRETS` | in its place these credentials themselves, as JSON: `{"aktion":{"userLogin":"…","apiKey":"…"}}` |
    /// | `PEOPLE_TARGET_SHARE` | how much of each target's limit and rate all processes of a function may use, and how many there are: `70/10` is 70 % for ten; all of it for one, where it is not set |
    /// | `PEOPLE_NATIVE_ROOTS` | `true`: trust the system's certificate authorities for AWS, not the embedded ones; where it is not set, an `AWS_ENDPOINT_URL…` of `https` has the same effect |
    /// | `AWS_…` | the standard variables of the AWS SDK, `AWS_ENDPOINT_URL_…` included |
    pub fn from_env() -> Result<Config, InvalidEnvironment> {
        Config::from_variables(variable)
    }

    /// Reads the environment for somebody who calls targets and no stores: neither tables nor a bucket have to be named.
    ///
    /// # Errors
    /// As [`Config::from_env`].
    pub fn for_targets() -> Result<Config, InvalidEnvironment> {
        Config::without_stores(variable)
    }

    fn without_stores(variable: impl Fn(&str) -> Option<String>) -> Result<Config, InvalidEnvironment> {
        Config::from_variables(|name| match (name, variable(name)) {
            ("PEOPLE_TABLE_PREFIX" | "PEOPLE_BUCKET", None) => Some("none".to_owned()),
            (_, value) => value,
        })
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Config, InvalidEnvironment> {
        let mut faults = Vec::new();
        let mut required = |name: &str| {
            variable(name).unwrap_or_else(|| {
                faults.push(format!("{name} is not set"));
                String::new()
            })
        };
        let prefix = required("PEOPLE_TABLE_PREFIX");
        let bucket = required("PEOPLE_BUCKET");
        let days = match variable("PEOPLE_RETENTION_DAYS").map(|days| days.parse::<u64>()) {
            None => DEFAULT_RETENTION_DAYS,
            Some(Ok(days)) if (1..=3650).contains(&days) => days,
            Some(_) => {
                faults.push("PEOPLE_RETENTION_DAYS is not a number from 1 to 3650".to_owned());
                DEFAULT_RETENTION_DAYS
            }
        };
        let requests_per_minute = requests_per_minute(&variable, &mut faults);
        if !matches!(variable("PEOPLE_NATIVE_ROOTS").as_deref(), None | Some("true" | "false")) {
            faults.push("PEOPLE_NATIVE_ROOTS is neither true nor false".to_owned());
        }
        let secrets = secrets(&variable, &mut faults);
        let share = variable("PEOPLE_TARGET_SHARE").map_or(Ok(Share::ALL), |share| Share::parse(&share));
        let share = share.unwrap_or_else(|fault| {
            faults.push(format!("PEOPLE_TARGET_SHARE: {fault}"));
            Share::ALL
        });
        let aws = aws_settings(&variable);
        if !faults.is_empty() {
            return Err(InvalidEnvironment(faults));
        }
        Ok(Config {
            aws,
            tables: Tables::with_prefix(&prefix),
            bucket,
            retention: Duration::from_secs(days * 24 * 60 * 60),
            requests_per_minute,
            secrets,
            share,
            simulators: HashMap::new(),
        })
    }
}

fn requests_per_minute(
    variable: &impl Fn(&str) -> Option<String>,
    faults: &mut Vec<String>,
) -> Option<NonZeroU32> {
    match variable("PEOPLE_REQUESTS_PER_MINUTE").map(|requests| requests.parse::<u32>()) {
        None => NonZeroU32::new(DEFAULT_REQUESTS_PER_MINUTE),
        Some(Ok(requests)) if requests <= MAX_REQUESTS_PER_MINUTE => NonZeroU32::new(requests),
        Some(_) => {
            faults.push(format!(
                "PEOPLE_REQUESTS_PER_MINUTE is not a number from 0 to {MAX_REQUESTS_PER_MINUTE}"
            ));
            None
        }
    }
}

/// Where the credentials are. A value that is wrong is not shown: it may be what should have been in the other variable.
fn secrets(variable: &impl Fn(&str) -> Option<String>, faults: &mut Vec<String>) -> SecretsAt {
    match (variable("PEOPLE_TARGET_SECRET"), variable("PEOPLE_TARGET_SECRETS")) {
        (Some(_), Some(_)) => {
            faults.push("PEOPLE_TARGET_SECRET and PEOPLE_TARGET_SECRETS are both set".to_owned());
        }
        (Some(secret), None) if is_secret_id(&secret) => return SecretsAt::Manager(secret),
        (Some(_), None) => {
            faults.push("PEOPLE_TARGET_SECRET is neither an ARN nor a name of a secret".to_owned());
        }
        (None, Some(json)) => match Secrets::parse(json.as_bytes()) {
            Ok(secrets) => return SecretsAt::Settings(secrets),
            Err(fault) => faults.push(format!("PEOPLE_TARGET_SECRETS: {fault}")),
        },
        (None, None) => {}
    }
    SecretsAt::Settings(Secrets::default())
}

/// What Secrets Manager takes for an id, ARN or name.
fn is_secret_id(text: &str) -> bool {
    text.len() <= 2048 && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-:".contains(c))
}

/// How AWS is reached, by functions and commands alike.
fn aws_settings(variable: &impl Fn(&str) -> Option<String>) -> AwsSettings {
    let endpoints = [
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    ];
    let endpoints = endpoints.map(variable);
    // A server of somebody else's is not signed by Amazon.
    let foreign = || endpoints.iter().flatten().any(|url| url.starts_with("https:"));
    let [s3, all, ..] = &endpoints;
    AwsSettings::Environment {
        path_style: s3.is_some() || all.is_some(),
        native_roots: variable("PEOPLE_NATIVE_ROOTS").map_or_else(foreign, |roots| roots == "true"),
    }
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The least level that Lambda wants logged, or that a developer does.
pub(crate) fn log_level() -> Option<String> {
    variable("AWS_LAMBDA_LOG_LEVEL").or_else(|| variable("RUST_LOG"))
}

/// `PEOPLE_KEY`: the API key of somebody who sends people to an import API.
pub fn sending_key() -> Option<Secret> {
    variable("PEOPLE_KEY").map(Secret::new)
}

/// Whether Lambda wants each line of the log as JSON.
pub(crate) fn logs_json() -> bool {
    variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"))
}

/// The standard variables that lead to somebody's AWS; any of them will do.
const LEADING: [&str; 6] = [
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL",
    "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
];

/// What leads to a bucket besides: a name is in no doubt.
const LEADING_TO_BUCKET: [&str; 2] = ["AWS_ENDPOINT_URL_S3", "PEOPLE_BUCKET"];

/// What the environment tells the commands of an administrator. Nothing in it has to be there.
#[derive(Debug)]
pub struct Surroundings {
    /// How AWS is reached.
    pub aws: AwsSettings,
    /// Which of the standard variables lead there; where there is none, AWS is not meant.
    pub led_by: Vec<&'static str>,
    /// The same for what is in the bucket: `AWS_ENDPOINT_URL_S3` and `PEOPLE_BUCKET` lead there too.
    pub led_to_bucket_by: Vec<&'static str>,
    /// `PEOPLE_TABLE_PREFIX`.
    pub table_prefix: Option<String>,
    /// `PEOPLE_BUCKET`.
    pub bucket: Option<String>,
}

impl Surroundings {
    /// Reads the environment.
    pub fn from_env() -> Surroundings {
        Surroundings::from_variables(variable)
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Surroundings {
        let is_set = |name: &&str| variable(name).is_some();
        Surroundings {
            aws: aws_settings(&variable),
            led_by: LEADING.into_iter().filter(is_set).collect(),
            led_to_bucket_by: LEADING.into_iter().chain(LEADING_TO_BUCKET).filter(is_set).collect(),
            table_prefix: variable("PEOPLE_TABLE_PREFIX"),
            bucket: variable("PEOPLE_BUCKET"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, InvalidEnvironment> {
        let variables: HashMap<_, _> =
            variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Config::from_variables(|name| variables.get(name).cloned())
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let malformed = [
            ("PEOPLE_RETENTION_DAYS", "0"),
            ("PEOPLE_REQUESTS_PER_MINUTE", "-1"),
            ("PEOPLE_NATIVE_ROOTS", "yes"),
            ("PEOPLE_TARGET_SECRETS", "x"),
            ("PEOPLE_TARGET_SHARE", "70"),
        ];
        let faults = read(&malformed).unwrap_err().0;
        let starts: Vec<_> = faults.iter().map(|fault| fault.split([' ', ':']).next().unwrap()).collect();
        assert_eq!(
            starts,
            [
                "PEOPLE_TABLE_PREFIX",
                "PEOPLE_BUCKET",
                "PEOPLE_RETENTION_DAYS",
                "PEOPLE_REQUESTS_PER_MINUTE",
                "PEOPLE_NATIVE_ROOTS",
                "PEOPLE_TARGET_SECRETS",
                "PEOPLE_TARGET_SHARE"
            ]
        );
    }

    #[test]
    fn the_credentials_are_in_one_place() {
        const SECRET: &str = "PEOPLE_TARGET_SECRET";
        const SECRETS: &str = "PEOPLE_TARGET_SECRETS";
        let read = |variables: &[(&str, &str)]| {
            let own = [("PEOPLE_TABLE_PREFIX", "p"), ("PEOPLE_BUCKET", "b")];
            read(&[&own, variables].concat())
        };
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a/b_+=.@-Ab3dE6";
        for id in [arn, "people", &"n".repeat(2048)] {
            let config = read(&[(SECRET, id)]).unwrap();
            assert!(matches!(config.secrets, SecretsAt::Manager(secret) if secret == id));
        }
        let json = r#"{"aktion":{"apiKey":"top-secret"}}"#;
        let config = read(&[(SECRETS, json)]).unwrap();
        assert!(matches!(&config.secrets, SecretsAt::Settings(secrets) if secrets.get("aktion").is_some()));
        assert!(!format!("{config:?}").contains("top-secret"));
        assert!(
            matches!(read(&[]).unwrap().secrets, SecretsAt::Settings(none) if none == Secrets::default())
        );
        for (variables, fault) in [
            (
                &[(SECRET, "people"), (SECRETS, json)][..],
                "PEOPLE_TARGET_SECRET and PEOPLE_TARGET_SECRETS are both set",
            ),
            (&[(SECRET, json)], "PEOPLE_TARGET_SECRET is neither an ARN nor a name of a secret"),
            (&[(SECRET, &"n".repeat(2049))], "PEOPLE_TARGET_SECRET is neither an ARN nor a name of a secret"),
        ] {
            assert_eq!(read(variables).unwrap_err().0, [fault]);
        }
    }

    #[test]
    fn any_standard_variable_leads_to_aws() {
        let read = |name: &str, value: &str| {
            Surroundings::from_variables(|asked| (asked == name).then(|| value.to_owned()))
        };
        for name in LEADING {
            assert_eq!(read(name, "x").led_by, [name]);
        }
        for name in LEADING.into_iter().chain(LEADING_TO_BUCKET) {
            assert_eq!(read(name, "x").led_to_bucket_by, [name]);
        }
        for name in LEADING_TO_BUCKET.into_iter().chain(["AWS_PAGER"]) {
            assert_eq!(read(name, "x").led_by, [""; 0], "tables are not in a bucket");
        }
    }

    #[test]
    fn functions_and_commands_reach_aws_alike() {
        const DYNAMODB: &str = "AWS_ENDPOINT_URL_DYNAMODB";
        const ROOTS: &str = "PEOPLE_NATIVE_ROOTS";
        let environment = |aws| match aws {
            AwsSettings::Environment { native_roots, path_style } => (native_roots, path_style),
            AwsSettings::At { .. } => panic!("not from the environment"),
        };
        let reached = |variables: &[(&str, &str)]| {
            let all = [variables, &[("PEOPLE_TABLE_PREFIX", "p"), ("PEOPLE_BUCKET", "b")]].concat();
            let command = Surroundings::from_variables(|asked| {
                all.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
            });
            let [function, command] = [read(&all).unwrap().aws, command.aws].map(environment);
            assert_eq!(function, command, "{variables:?}");
            command
        };
        assert_eq!(reached(&[]), (false, false));
        assert_eq!(reached(&[(DYNAMODB, "http://127.0.0.1:8000")]), (false, false));
        assert_eq!(reached(&[(DYNAMODB, "https://dynamodb.example")]), (true, false));
        assert_eq!(reached(&[("AWS_ENDPOINT_URL_S3", "https://s3.example")]), (true, true));
        assert_eq!(reached(&[("AWS_ENDPOINT_URL_SECRETS_MANAGER", "https://sm.example")]), (true, false));
        assert_eq!(reached(&[("AWS_ENDPOINT_URL", "https://all.example")]), (true, true));
        assert_eq!(reached(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")]), (false, true));
        assert_eq!(reached(&[(ROOTS, "true")]), (true, false));
        assert_eq!(reached(&[(ROOTS, "false"), (DYNAMODB, "https://dynamodb.example")]), (false, false));
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let config = read(&[("PEOPLE_TABLE_PREFIX", "p"), ("PEOPLE_BUCKET", "b")]).unwrap();
        assert_eq!(config.retention, Duration::from_secs(90 * 24 * 60 * 60));
        assert_eq!(config.share, Share::ALL);
        assert_eq!(config.requests_per_minute, NonZeroU32::new(DEFAULT_REQUESTS_PER_MINUTE));
    }

    #[test]
    fn a_key_may_send_up_to_a_million_requests_a_minute_and_any_number_for_zero() {
        let read = |requests: &str| {
            let own = [("PEOPLE_TABLE_PREFIX", "p"), ("PEOPLE_BUCKET", "b")];
            read(&[&own[..], &[("PEOPLE_REQUESTS_PER_MINUTE", requests)]].concat())
        };
        for (requests, limit) in [("0", 0), ("1", 1), ("1000000", 1_000_000)] {
            assert_eq!(read(requests).unwrap().requests_per_minute, NonZeroU32::new(limit));
        }
        for requests in ["1000001", "-1", "many", "1.5"] {
            assert_eq!(read(requests).unwrap_err().0.len(), 1, "{requests}");
        }
    }

    #[test]
    fn whoever_calls_targets_alone_names_no_stores() {
        assert!(Config::without_stores(|_| None).is_ok());
        let faults = Config::without_stores(|name| (name == "PEOPLE_TARGET_SHARE").then(|| "x".to_owned()));
        assert_eq!(faults.unwrap_err().0.len(), 1);
    }

    #[test]
    fn the_variables_that_are_read_are_those_that_are_listed() {
        let read = std::cell::RefCell::new(Vec::new());
        let nothing_is_set = |name: &str| {
            if name.starts_with("PEOPLE_") {
                read.borrow_mut().push(name.to_owned());
            }
            None
        };
        assert!(Config::from_variables(nothing_is_set).is_err());
        let read: BTreeSet<_> = read.into_inner().into_iter().collect();
        assert_eq!(read, VARIABLES.map(str::to_owned).into());
    }
}
