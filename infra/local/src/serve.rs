//! `people serve`: starts the stack, shows the sample import, says when it is ready, and ends tidily.

use std::io::Write;
use std::path::Path;

use people_core::ports::Feature;

use crate::failure::{Doing, Failure};
use crate::ready::{self, Ready};
use crate::sample;
use crate::stack::{Options, Stack};

/// What `people serve` was asked for besides the stack itself.
pub struct Serve {
    /// The stack.
    pub stack: Options,
    /// The file to write when everything answers.
    pub ready_file: Option<std::path::PathBuf>,
    /// Whether the sample batch is imported on the first start.
    pub sample: bool,
}

/// Runs until Ctrl-C, or until the process is told to terminate.
pub async fn run(options: Serve) -> Result<(), Failure> {
    let mut stack = Stack::start(&options.stack).await?;
    // The sample's people are made up: they go to simulators only.
    if options.sample && stack.is_simulated && !stack.state.sample_imported {
        show_sample(&stack.ready).await?;
        stack.state.sample_imported = true;
        stack.state.save()?;
    }
    if let Some(file) = &options.ready_file {
        ready::write(file, &stack.ready)?;
    }
    announce(&stack.ready, &options.stack.data);
    interrupted().await?;
    stack.stop().await;
    Ok(())
}

async fn show_sample(ready: &Ready) -> Result<(), Failure> {
    let (api, key) =
        (&ready.api, |feature: Feature| ready.keys.get(feature.as_str()).map_or("", String::as_str));
    let shown = sample::import(api, key(Feature::PeopleImport), key(Feature::ImportLogs)).await?;
    say("The sample batch\n");
    say(&format!("PUT {api}/api/PeopleImport\n{}\n{}\n", shown.status, shown.request_id));
    say(&format!("GET {api}/api/ImportLogs/{}\n{}", shown.request_id, shown.log));
    Ok(())
}

fn announce(ready: &Ready, data: &Path) {
    say(&format!("API         {}", ready.api));
    say(&format!("Console     {}", ready.console));
    say(&format!("DynamoDB    {}", ready.dynamodb));
    say(&format!("S3          {}", ready.s3));
    for (target, url) in &ready.simulators {
        say(&format!("{target:<12}{url} (simulated)"));
    }
    say(&format!("Keys        {}", data.join("local.json").display()));
    say("Ctrl-C ends it.");
}

/// Says something on the screen. Whoever closed it does not want to hear it.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Says something to whoever reads the screen, and not to what reads the output.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Waits for Ctrl-C, or for being told to terminate.
pub(crate) async fn interrupted() -> Result<(), Failure> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .doing("listen for signals")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.doing("listen for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
    }
}
