//! What the command line takes. Everything that can be wrong with an argument is refused here, with exit code 2, before
//! anything is done.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, RangedI64ValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, value_parser};
use people_adapters::config::{MAX_REQUESTS_PER_MINUTE, sending_key};
use people_adapters::secret::Secret;
use people_core::key;
use people_core::person::Who;
use people_core::ports::Feature;
use people_core::time::Timestamp;
use people_local::failure::{Doing, Failure};
use people_local::keys::{self, New};
use people_local::place::Said;
use people_local::send::{Address, InvalidAddress, Send};
use people_local::serve::Serve;
use people_local::stack::{Options, Simulators};
use people_local::targets_check::Check;

/// So many requests a minute that nobody meets the limit who tries something out or measures it.
const MANY: u32 = 60_000;

/// Takes batches of person updates and PDFs to the systems that people use.
#[derive(Parser)]
#[command(name = "people", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start the whole product on this machine, with simulated targets (the default)
    Serve(ServeArgs),
    /// Start the simulated targets alone; they outlive a `serve` that is killed
    Simulate(SimulateArgs),
    /// Send people and PDFs of any number to an import API
    Send(SendArgs),
    /// Create, list and revoke API keys
    Keys(KeysArgs),
    /// Check a profile definition
    #[command(subcommand)]
    Definition(DefinitionCommand),
    /// Check a new configuration, and put it into the bucket
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check the targets
    #[command(subcommand)]
    Targets(TargetsCommand),
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Where the API listens; port 0 picks a free one, which is kept
    #[arg(long, default_value = "127.0.0.1:3000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where state is kept
    #[arg(long, default_value = ".people", value_name = "DIR")]
    data: PathBuf,
    /// Where profile-definition.json and targets.json are [default: the samples]
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Write the addresses and keys to this file when everything answers
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Import no sample batch on the first start
    #[arg(long)]
    no_sample: bool,
    /// Start no simulated targets
    #[arg(long, conflicts_with = "simulators")]
    no_simulators: bool,
    /// Use the simulated targets of a running `people simulate`, whose ready file this is
    #[arg(long, value_name = "FILE")]
    simulators: Option<PathBuf>,
    /// Refuse what Lambda would: events of more than 6 MiB
    #[arg(long)]
    lambda_limits: bool,
    /// How many requests a minute each API key may send; 0 for any number
    #[arg(long, default_value_t = MANY, value_name = "N", value_parser = requests())]
    requests_per_minute: u32,
}

#[derive(Args)]
pub(crate) struct SimulateArgs {
    /// Write the addresses to this file when everything answers
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

#[derive(Args)]
#[command(
    after_help = "What was sent is kept in a journal. After an interruption, the same command goes on where it stopped, \
                  and sends nothing twice. What failed is written to files that can be corrected and sent again."
)]
pub(crate) struct SendArgs {
    /// Files of people (.json, .ndjson, .jsonl, .csv), PDFs, and folders of PDFs
    #[arg(value_name = "FILE", required_unless_present = "from")]
    files: Vec<PathBuf>,
    /// A list of PDFs, a path on each line; what follows a tab is ignored
    #[arg(long, value_name = "LIST")]
    from: Option<PathBuf>,
    /// The address of the API, `https://people.example.com` say
    #[arg(long, value_name = "URL", value_parser = address)]
    to: Address,
    /// A key of the feature PeopleImport; other users of this machine can see it [default: PEOPLE_KEY]
    #[arg(long, value_name = "KEY", value_parser = secret)]
    key: Option<Secret>,
    /// A file that holds the key and nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,
    /// What was sent is kept in this file [default: the name of the first file, and .sent, in the current folder]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Begin again, and send what was sent before once more
    #[arg(long)]
    anew: bool,
    /// How many seconds a server is waited for that does not answer, or takes nothing at the moment
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    patience: u64,
}

#[derive(Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
    // Not called `data`: a global argument takes over what one of the same id has further up, a default too.
    /// The data folder of a running local stack [default: where the AWS variables lead, else .people]
    #[arg(id = "stack", long = "data", global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How the names of the tables begin [default: in AWS PEOPLE_TABLE_PREFIX, else people]
    #[arg(long, global = true, value_name = "PREFIX")]
    table_prefix: Option<String>,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Create a key and print it, this once; it works at once
    Create(CreateArgs),
    /// List the keys, the oldest first
    List {
        /// As a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key for good; it stops working within a minute
    Revoke {
        /// The key's id as it is listed, or its beginning
        id: String,
    },
}

#[derive(Args)]
struct CreateArgs {
    /// What the key is for; can be given more than once
    #[arg(long = "feature", required = true, value_name = "FEATURE", value_parser = feature())]
    features: Vec<Feature>,
    /// Whose key it is: 1 to 128 characters, shown in each import log
    #[arg(long, value_parser = key::parse_name)]
    name: String,
    /// When it stops working: the beginning of a day (yyyy-MM-dd, UTC) or a time (RFC 3339) [default: never]
    #[arg(long, value_name = "DATE", value_parser = expiry)]
    expires: Option<Timestamp>,
}

#[derive(Subcommand)]
pub(crate) enum DefinitionCommand {
    /// Say how many fields a profile definition has, or everything that is wrong with it
    Check {
        /// The file, or - for standard input
        file: PathBuf,
    },
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration in a folder and write nothing
    Check(ConfigArgs),
    /// Check the configuration in a folder, then store what has changed in the bucket
    #[command(
        after_help = "A local stack starts with what its --config says, or with the samples, and overwrites what was pushed."
    )]
    Push(ConfigArgs),
}

#[derive(Args)]
pub(crate) struct ConfigArgs {
    /// Where profile-definition.json and targets.json are, or one of them; the other is taken from the bucket
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The data folder of a running local stack [default: where the AWS variables lead, else .people]
    #[arg(long, value_name = "DIR", conflicts_with = "bucket")]
    data: Option<PathBuf>,
    /// The bucket of a deployment [default: PEOPLE_BUCKET]
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum TargetsCommand {
    /// Log in at each target, look one person up, change nothing, and say what is wrong
    Check(TargetsArgs),
}

#[derive(Args)]
pub(crate) struct TargetsArgs {
    /// Where profile-definition.json, targets.json and secrets.json are [default: what is in the bucket]
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// The UPN or employeeId of the person to look up [default: one whom the target lists]
    #[arg(long, value_name = "IDENTIFIER", value_parser = person)]
    person: Option<Who>,
    /// The one target to check, by its name [default: all]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// The data folder of a running local stack [default: where the AWS variables lead, else .people]
    #[arg(long, value_name = "DIR", conflicts_with = "bucket")]
    data: Option<PathBuf>,
    /// The bucket of a deployment [default: PEOPLE_BUCKET]
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    bucket: Option<String>,
}

impl From<ServeArgs> for Serve {
    fn from(args: ServeArgs) -> Serve {
        let stack = Options {
            listen: args.listen,
            data: args.data,
            config: args.config,
            simulators: match (args.no_simulators, args.simulators) {
                (true, _) => Simulators::None,
                (false, Some(file)) => Simulators::Running(file),
                (false, None) => Simulators::Own,
            },
            lambda_limits: args.lambda_limits,
            requests_per_minute: NonZeroU32::new(args.requests_per_minute),
        };
        Serve { stack, ready_file: args.ready_file, sample: !args.no_sample }
    }
}

impl SendArgs {
    /// What to send. Where no key is given, this ends the process as any wrong use does.
    pub(crate) fn read(self) -> Result<Send, Failure> {
        let of_file = |file: PathBuf| {
            let text = std::fs::read_to_string(&file).doing(format_args!("read {}", file.display()));
            text.map(|text| Secret::new(text.trim().to_owned()))
        };
        let key = self.key_file.map(of_file).transpose()?.or(self.key).or_else(sending_key);
        let missing = || {
            let text = "a key is needed: --key-file FILE, PEOPLE_KEY or --key KEY gives it";
            Cli::command().error(ErrorKind::MissingRequiredArgument, text).exit()
        };
        Ok(Send {
            files: self.files,
            list: self.from,
            to: self.to,
            key: key.unwrap_or_else(missing),
            journal: self.journal,
            anew: self.anew,
            patience: Duration::from_secs(self.patience),
        })
    }
}

impl KeysArgs {
    /// What to do, and what was said about where.
    pub(crate) fn split(self) -> (keys::Command, Said) {
        let said = Said { data: self.data, table_prefix: self.table_prefix, ..Said::default() };
        let command = match self.command {
            KeysCommand::Create(CreateArgs { features, name, expires }) => {
                keys::Command::Create(New { name, features, expires_at: expires })
            }
            KeysCommand::List { json } => keys::Command::List { json },
            KeysCommand::Revoke { id } => keys::Command::Revoke(id),
        };
        (command, said)
    }
}

impl ConfigArgs {
    /// The folder, and what was said about where.
    pub(crate) fn split(self) -> (PathBuf, Said) {
        (self.folder, Said { data: self.data, bucket: self.bucket, is_of_bucket: true, table_prefix: None })
    }
}

impl TargetsArgs {
    /// What to check, and what was said about where.
    pub(crate) fn split(self) -> (Check, Said) {
        let said = Said { data: self.data, bucket: self.bucket, is_of_bucket: true, table_prefix: None };
        (Check { config: self.config, person: self.person, target: self.target }, said)
    }
}

fn address(text: &str) -> Result<Address, InvalidAddress> {
    Address::parse(text)
}

/// Never refused, because a refusal would show it.
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text.to_owned()))
}

fn person(text: &str) -> Result<Who, &'static str> {
    Who::either(text).map_err(|_| "an identifier has 1 to 256 characters")
}

fn requests() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(..=i64::from(MAX_REQUESTS_PER_MINUTE))
}

fn feature() -> impl TypedValueParser<Value = Feature> {
    PossibleValuesParser::new(Feature::ALL.map(Feature::as_str))
        .try_map(|name| Feature::parse(&name).ok_or("there is no such feature"))
}

fn expiry(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_date(text)
        .or_else(|| Timestamp::parse_rfc3339(text))
        .ok_or("it is neither a date like 2027-01-31 nor a time like 2027-01-31T12:00:00Z")
}
