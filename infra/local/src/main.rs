//! The command `people`: the whole product on this machine, and its simulated targets.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use people_local::stack::{Options, Simulators};
use people_local::{serve, simulate};

/// Takes batches of person updates and PDFs to the systems that people use.
#[derive(Parser)]
#[command(name = "people", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Start the whole product on this machine, with simulated targets (the default)
    Serve(ServeArgs),
    /// Start the simulated targets alone; they outlive a `serve` that is killed
    Simulate(SimulateArgs),
}

#[derive(Args)]
struct ServeArgs {
    /// Where the API listens; port 0 picks a free one, which is kept
    #[arg(long, default_value = "127.0.0.1:3000", value_name = "ADDRESS")]
    listen: std::net::SocketAddr,
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
}

#[derive(Args)]
struct SimulateArgs {
    /// Write the addresses to this file when everything answers
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl From<ServeArgs> for serve::Serve {
    fn from(args: ServeArgs) -> serve::Serve {
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
        };
        serve::Serve { stack, ready_file: args.ready_file, sample: !args.no_sample }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // The embedded DynamoDB warns of each condition that fails; to us that is an answer like any other.
    let filter = lambda_http::tracing::subscriber::EnvFilter::new("warn,dynoxide=error");
    lambda_http::tracing::subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    let ended = match cli.command {
        None => serve::run(cli.serve.into()).await,
        Some(Command::Serve(args)) => serve::run(args.into()).await,
        Some(Command::Simulate(args)) => simulate::run(args.ready_file).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "people: {error}");
            ExitCode::FAILURE
        }
    }
}
