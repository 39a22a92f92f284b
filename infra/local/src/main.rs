//! The command `people`: the whole product on this machine, its simulated targets, and what administrators need.

mod cli;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use people_adapters::config::Surroundings;
use people_local::failure::Failure;
use people_local::place::{Place, Said};
use people_local::{config_push, definition, keys, send, serve, simulate, targets_check};

use crate::cli::{Cli, Command, ConfigCommand, DefinitionCommand, TargetsCommand};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // The embedded DynamoDB warns of each condition that fails, and the SDK shows every answer of a source that has no
    // credentials; to us these are answers like any other.
    let filter = tracing_subscriber::EnvFilter::new("warn,dynoxide=error,aws_config=error");
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "people: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let place = |said: Said| Place::find(said, Surroundings::from_env());
    match cli.command {
        None => serve::run(cli.serve.into()).await,
        Some(Command::Serve(args)) => serve::run(args.into()).await,
        Some(Command::Simulate(args)) => simulate::run(args.ready_file).await,
        Some(Command::Send(args)) => send::run(args.read()?).await,
        Some(Command::Keys(args)) => {
            let (command, said) = args.split();
            keys::run(command, &place(said)).await
        }
        Some(Command::Definition(DefinitionCommand::Check { file })) => definition::check(&file),
        Some(Command::Config(command)) => match command {
            ConfigCommand::Check(args) => {
                let (folder, said) = args.split();
                config_push::check(&folder, &place(said)).await
            }
            ConfigCommand::Push(args) => {
                let (folder, said) = args.split();
                config_push::push(&folder, &place(said)).await
            }
        },
        Some(Command::Targets(TargetsCommand::Check(args))) => {
            let (check, said) = args.split();
            targets_check::run(&check, &place(said)).await
        }
    }
}
