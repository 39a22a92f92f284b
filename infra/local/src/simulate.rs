//! `people simulate`: the simulated targets alone, so that they outlive a server that is killed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::failure::{Doing, Failure};
use crate::ready::{self, Simulating};
use crate::serve::{interrupted, say};

/// Runs until Ctrl-C.
pub async fn run(ready_file: Option<PathBuf>) -> Result<(), Failure> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut running = BTreeMap::new();
    for (name, start) in simulators::TARGETS {
        let listener = tokio::net::TcpListener::bind((loopback, 0)).await.doing("listen on loopback")?;
        running.insert(name.to_owned(), start(listener).doing("start the simulators")?);
    }
    let simulators: BTreeMap<_, _> =
        running.iter().map(|(name, simulator)| (name.clone(), simulator.url().to_owned())).collect();
    if let Some(file) = ready_file {
        ready::write(&file, &Simulating { simulators: simulators.clone() })?;
    }
    for (target, url) in &simulators {
        say(&format!("{target:<12} {url}"));
    }
    say("Ctrl-C ends it.");
    interrupted().await
}
