//! What a data folder remembers from start to start: keys, the S3 secret, ports, and whether the sample was imported.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::failure::{Doing, Failure};

/// The content of `DATA/local.json`.
#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The local API keys, by feature. They open nothing but this stack.
    pub keys: BTreeMap<String, String>,
    /// The access key of the embedded S3.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The port of each server, by name.
    pub ports: BTreeMap<String, u16>,
    /// The base URL of each simulator that the stack has, or had when it ran last.
    #[serde(default)]
    pub simulators: BTreeMap<String, String>,
    /// The folder of the configuration that it was started with last; none where that was the samples.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// Whether the sample batch has been imported.
    pub sample_imported: bool,
    #[serde(skip)]
    file: PathBuf,
}

impl State {
    /// Reads the state of a data folder, or begins one.
    pub fn open(data: &Path) -> Result<State, Failure> {
        // Everything that a stack keeps is in it, the documents too.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(data);
        made.doing(format_args!("make the folder {}", data.display()))?;
        let file = data.join("local.json");
        let mut state = State::read(&file)?.unwrap_or_default();
        state.file = file;
        if state.secret_access_key.is_empty() {
            state.access_key_id = "local".to_owned();
            state.secret_access_key = random_text()?;
        }
        Ok(state)
    }

    /// The state of a data folder in which a stack has been started; nothing is made.
    pub fn of_a_stack(data: &Path) -> Result<State, Failure> {
        let none = || {
            let data = data.display();
            Failure(format!("there is no local stack in {data}: `people serve --data {data}` starts one"))
        };
        State::read(&data.join("local.json"))?.ok_or_else(none)
    }

    fn read(file: &Path) -> Result<Option<State>, Failure> {
        match fs::read(file) {
            Ok(json) => {
                serde_json::from_slice(&json).doing(format_args!("read {}", file.display())).map(Some)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing(format_args!("read {}", file.display())),
        }
    }

    /// The key for a feature, made where there is none yet.
    pub fn key(&mut self, feature: &str) -> Result<String, Failure> {
        if let Some(key) = self.keys.get(feature) {
            return Ok(key.clone());
        }
        let key = random_text()?;
        self.keys.insert(feature.to_owned(), key.clone());
        Ok(key)
    }

    /// A listener for a server on the port that it had last time; on a free one where that is taken, or none was had.
    pub async fn listen(&mut self, server: &str, ip: IpAddr) -> Result<TcpListener, Failure> {
        let last = SocketAddr::new(ip, self.ports.get(server).copied().unwrap_or(0));
        let listener = match TcpListener::bind(last).await {
            Ok(listener) => listener,
            Err(_) => {
                TcpListener::bind(SocketAddr::new(ip, 0)).await.doing(format_args!("listen on {ip}"))?
            }
        };
        let port = listener.local_addr().doing("read a port")?.port();
        self.ports.insert(server.to_owned(), port);
        Ok(listener)
    }

    /// Writes the state, readable by its owner alone.
    pub fn save(&self) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(self).doing("write the local state")?;
        write_at_once(&self.file, &json)
    }
}

/// Writes a file in one step, readable by its owner alone: whoever sees it sees all of it.
pub fn write_at_once(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let what = || format!("write {}", file.display());
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = file.with_file_name(name);
    let mut options = OpenOptions::new();
    let mut writer = options.write(true).create(true).truncate(true).mode(0o600).open(&new).doing(what())?;
    writer.write_all(bytes).and_then(|()| writer.sync_all()).doing(what())?;
    fs::rename(&new, file).doing(what())
}

/// 32 random bytes in URL-safe base64, as keys and secrets are written.
pub(crate) fn random_text() -> Result<String, Failure> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).doing("draw a random number")?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}
