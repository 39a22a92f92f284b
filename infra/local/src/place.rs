//! Which stores a command works on: those of a running local stack, or those that the standard AWS variables lead to. It
//! is decided in one place and said on the screen, so that nobody changes another deployment than they mean.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use people_adapters::aws::{self, Aws, AwsSettings};
use people_adapters::config::Surroundings;
use people_adapters::dynamodb::{DynamoKeys, Tables};
use people_adapters::secret::Secret;
use people_adapters::system::SystemClock;
use people_core::ports::{KeyHash, Keys};
use tokio::net::TcpStream;

use crate::failure::Failure;
use crate::stack::{BUCKET, REGION, TABLE_PREFIX};
use crate::state::State;

/// The data folder of the local stack that is meant where nothing else is.
pub const DEFAULT_DATA: &str = ".people";

/// What was said about the place, besides the environment.
#[derive(Debug, Default)]
pub struct Said {
    /// The data folder of a local stack; it is meant then, whatever the environment says.
    pub data: Option<PathBuf>,
    /// How the names of the tables begin.
    pub table_prefix: Option<String>,
    /// A bucket; AWS is meant then, unless there is a data folder.
    pub bucket: Option<String>,
    /// Whether the command works on the bucket, so that what leads to a bucket counts.
    pub is_of_bucket: bool,
}

/// Where a command works.
#[derive(Debug)]
pub struct Place {
    stores: Stores,
    /// The tables there.
    pub tables: Tables,
    bucket: Option<String>,
}

#[derive(Debug)]
enum Stores {
    Local(PathBuf),
    Aws(AwsSettings, Vec<&'static str>),
}

impl Place {
    /// The place that is meant: the local stack of a data folder where one is given, else AWS where a bucket is given or
    /// a variable that leads there is set, else the local stack in `.people`. Nothing is called.
    pub fn find(said: Said, around: Surroundings) -> Place {
        let led_by = if said.is_of_bucket { around.led_to_bucket_by } else { around.led_by };
        let is_aws = said.bucket.is_some() || !led_by.is_empty();
        let (stores, prefix, bucket) = match said.data {
            None if is_aws => {
                let prefix = said.table_prefix.or(around.table_prefix);
                (Stores::Aws(around.aws, led_by), prefix, said.bucket.or(around.bucket))
            }
            data => {
                let data = data.unwrap_or_else(|| DEFAULT_DATA.into());
                (Stores::Local(data), said.table_prefix, Some(BUCKET.to_owned()))
            }
        };
        let tables = Tables::with_prefix(prefix.as_deref().unwrap_or(TABLE_PREFIX));
        Place { stores, tables, bucket }
    }

    /// The clients of the stores there. A local stack has been seen to run then; AWS is not called.
    pub async fn connect(&self) -> Result<Aws, Failure> {
        match &self.stores {
            Stores::Local(data) => running(data).await,
            Stores::Aws(settings, _) => Ok(aws::connect(settings).await),
        }
    }

    /// The bucket there.
    pub fn bucket(&self) -> Result<&str, Failure> {
        let missing = || Failure("which bucket is meant? --bucket NAME or PEOPLE_BUCKET says it".to_owned());
        self.bucket.as_deref().ok_or_else(missing)
    }

    /// What calls of targets are made with there: the simulators that run, and the folder of the local stack's
    /// configuration, where its credentials are.
    pub fn simulators_and_folder(&self) -> (HashMap<String, String>, Option<PathBuf>) {
        let state = match &self.stores {
            Stores::Aws(..) => None,
            Stores::Local(data) => State::of_a_stack(data).ok(),
        };
        let of_state = |state: State| (state.simulators.into_iter().collect(), state.config);
        state.map(of_state).unwrap_or_default()
    }

    /// The simulators that `targets.json` may name there, with an address that nobody calls.
    pub fn simulators(&self) -> HashMap<String, String> {
        match &self.stores {
            Stores::Aws(..) => HashMap::new(),
            Stores::Local(_) => {
                simulators::TARGETS.map(|(name, _)| (name.to_owned(), "http://127.0.0.1:1".to_owned())).into()
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stores {
            Stores::Local(data) => write!(f, "the local stack in {}", data.display()),
            Stores::Aws(_, led_by) if led_by.is_empty() => f.write_str("AWS"),
            Stores::Aws(_, led_by) => write!(f, "AWS (by {})", led_by.join(", ")),
        }
    }
}

/// The clients of the local stack of this data folder. Its port may belong to another server by now, which is why one of
/// its own keys is looked for there.
async fn running(data: &Path) -> Result<Aws, Failure> {
    let silent = || {
        let data = data.display();
        Failure(format!("the local stack in {data} does not answer: `people serve --data {data}` starts it"))
    };
    let state = State::of_a_stack(data)?;
    let port = |server: &str| state.ports.get(server).copied().ok_or_else(silent);
    let (dynamodb, s3) = (port("dynamodb")?, port("s3")?);
    let own = state.keys.values().next().ok_or_else(silent)?;
    TcpStream::connect((Ipv4Addr::LOCALHOST, dynamodb)).await.map_err(|_| silent())?;
    let settings = AwsSettings::At {
        dynamodb: format!("http://127.0.0.1:{dynamodb}"),
        s3: format!("http://127.0.0.1:{s3}"),
        secrets_manager: None,
        region: REGION.to_owned(),
        access_key_id: state.access_key_id.clone(),
        secret_access_key: Secret::new(state.secret_access_key.clone()),
    };
    let aws = aws::connect(&settings).await;
    let tables = Tables::with_prefix(TABLE_PREFIX);
    let keys = DynamoKeys::new(aws.dynamodb.clone(), &tables, Arc::new(SystemClock::default()));
    match keys.find(&KeyHash::of(own)).await {
        Ok(Some(_)) => Ok(aws),
        Ok(None) | Err(_) => Err(silent()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(data: Option<&str>, bucket: Option<&str>, led_by: &[&'static str]) -> Place {
        let around = Surroundings {
            aws: AwsSettings::Environment { path_style: false, native_roots: false },
            led_by: led_by.to_vec(),
            led_to_bucket_by: Vec::new(),
            table_prefix: Some("hr".to_owned()),
            bucket: Some("hr-bucket".to_owned()),
        };
        let data = data.map(PathBuf::from);
        let said = Said { data, bucket: bucket.map(str::to_owned), table_prefix: None, is_of_bucket: false };
        Place::find(said, around)
    }

    #[test]
    fn what_leads_to_a_bucket_counts_for_what_is_in_it_and_for_nothing_else() {
        for (is_of_bucket, data, shown, in_bucket) in [
            (true, None, "AWS (by PEOPLE_BUCKET)", "hr-bucket"),
            (true, Some("d"), "the local stack in d", "people"),
            (false, None, "the local stack in .people", "people"),
        ] {
            let around = Surroundings {
                aws: AwsSettings::Environment { path_style: false, native_roots: false },
                led_by: Vec::new(),
                led_to_bucket_by: vec!["PEOPLE_BUCKET"],
                table_prefix: None,
                bucket: Some("hr-bucket".to_owned()),
            };
            let said = Said { data: data.map(PathBuf::from), is_of_bucket, ..Said::default() };
            let place = Place::find(said, around);
            assert_eq!((place.to_string().as_str(), place.bucket().unwrap()), (shown, in_bucket));
        }
    }

    #[test]
    fn what_is_said_wins_over_the_environment_and_the_environment_over_the_local_stack() {
        for (data, bucket, led_by, shown, keys, in_bucket) in [
            (None, None, &[][..], "the local stack in .people", "people-keys", "people"),
            (Some("d"), None, &["AWS_REGION"][..], "the local stack in d", "people-keys", "people"),
            (
                None,
                None,
                &["AWS_PROFILE", "AWS_REGION"][..],
                "AWS (by AWS_PROFILE, AWS_REGION)",
                "hr-keys",
                "hr-bucket",
            ),
            (None, Some("b"), &[][..], "AWS", "hr-keys", "b"),
        ] {
            let place = place(data, bucket, led_by);
            let told = (place.to_string(), place.tables.keys.as_str(), place.bucket().unwrap());
            assert_eq!(told, (shown.to_owned(), keys, in_bucket));
            assert_eq!(place.simulators().is_empty(), shown.starts_with("AWS"));
        }
    }

    #[tokio::test]
    async fn a_stack_that_never_ran_is_not_made() {
        let folder = tempfile::TempDir::new().unwrap();
        let data = folder.path().join("none");
        let error = place(data.to_str(), None, &[]).connect().await.unwrap_err();
        assert!(error.0.starts_with("there is no local stack in "), "{error}");
        assert!(!data.exists());
    }
}
