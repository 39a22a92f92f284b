//! What a call needs: from the wire to actions, resources and conditions of IAM, the key included.

use std::fmt;

use serde_json::Value;

use super::read::{ACCOUNT, REGION, entries, text};

/// The key, as the roles are told of it.
pub(crate) const KEY: &str = "Stores.Outputs.KeyArn";
/// The secret with the credentials, and its key, as the stack is told of them.
pub(crate) const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:people-test-Ab3dE6";
pub(crate) const SECRET_KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd";

/// Something that a caller has to be allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    pub(crate) action: String,
    pub(crate) resource: String,
    /// What conditions see of the request: a key and its value.
    pub(crate) context: Option<(String, String)>,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)?;
        self.context.iter().try_for_each(|(key, value)| write!(f, " where {key} is {value}"))
    }
}

impl Need {
    fn new(action: &str, resource: impl Into<String>) -> Need {
        Need { action: action.to_owned(), resource: resource.into(), context: None }
    }

    fn with(mut self, key: &str, value: impl Into<String>) -> Need {
        self.context = Some((key.to_owned(), value.into()));
        self
    }
}

/// What a function needs to write its log.
pub(crate) fn logging(group: &str) -> [Need; 2] {
    let stream = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:log-stream:1");
    ["logs:CreateLogStream", "logs:PutLogEvents"].map(|action| Need::new(action, &stream))
}

/// What Lambda needs, in a function's name, to keep what it gives up as a dead letter.
pub(crate) fn dead_letters(bucket: &str) -> [Need; 2] {
    let bucket = format!("arn:aws:s3:::{bucket}-dead-letters");
    [Need::new("s3:PutObject", format!("{bucket}/1")), Need::new("s3:ListBucket", bucket)]
}

/// What a call of DynamoDB needs. Its service decrypts in the caller's name, also to write.
pub(crate) fn of_dynamodb(operation: &str, body: &Value) -> Vec<Need> {
    let table = |name: &str| format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}");
    let action = format!("dynamodb:{operation}");
    let mut needs: Vec<_> = match operation {
        "BatchGetItem" | "BatchWriteItem" => {
            entries(&body["RequestItems"]).map(|(name, _)| Need::new(&action, table(name))).collect()
        }
        "UpdateItem" if text(&body["TableName"]).ends_with("-undelivered") => {
            blind_write(&Need::new(&action, table(text(&body["TableName"]))), body)
        }
        "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" | "Query" | "Scan" => {
            let index = body["IndexName"].as_str().map(|index| format!("/index/{index}"));
            vec![Need::new(&action, table(text(&body["TableName"])) + &index.unwrap_or_default())]
        }
        other => panic!("what does {other} need?"),
    };
    needs.push(
        Need::new("kms:Decrypt", KEY).with("kms:ViaService", format!("dynamodb.{REGION}.amazonaws.com")),
    );
    needs
}

/// What a write needs of a role that must not see what it writes to: every attribute that it names has to be allowed, and
/// what it asks to be given back, be it of a condition that fails.
fn blind_write(write: &Need, body: &Value) -> Vec<Need> {
    let key = entries(&body["Key"]).map(|(name, _)| name.as_str());
    // Our expressions name attributes by placeholders alone.
    let named = entries(&body["ExpressionAttributeNames"]).map(|(_, name)| text(name));
    let attributes = key.chain(named).map(|name| write.clone().with("dynamodb:Attributes", name));
    let given_back = ["ReturnValues", "ReturnValuesOnConditionCheckFailure"]
        .map(|member| write.clone().with("dynamodb:ReturnValues", body[member].as_str().unwrap_or("NONE")));
    attributes.chain(given_back).collect()
}

/// What a call of Secrets Manager needs. It decrypts in the caller's name too.
pub(crate) fn of_secrets_manager(operation: &str, body: &Value) -> Vec<Need> {
    let via = format!("secretsmanager.{REGION}.amazonaws.com");
    vec![
        Need::new(&format!("secretsmanager:{operation}"), text(&body["SecretId"])),
        Need::new("kms:Decrypt", SECRET_KEY).with("kms:ViaService", via),
    ]
}

/// What a call of S3 needs, where buckets are named in the path. What it was answered matters too: that an object is not
/// there is told only to those who may list the bucket.
pub(crate) fn of_s3(method: &str, path: &str, query: &str, status: u16) -> Vec<Need> {
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_matches('/'), ""));
    let asked = |name: &str| {
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.replace("%2F", "/"))
    };
    let bucket = format!("arn:aws:s3:::{bucket}");
    let object = format!("{bucket}/{key}");
    let via =
        |action: &str| Need::new(action, KEY).with("kms:ViaService", format!("s3.{REGION}.amazonaws.com"));
    if key.is_empty() {
        let action = if asked("versions").is_some() { "s3:ListBucketVersions" } else { "s3:ListBucket" };
        return vec![Need::new(action, bucket).with("s3:prefix", asked("prefix").unwrap_or_default())];
    }
    match (method, asked("versionId")) {
        ("GET" | "HEAD", _) if status == 404 => {
            vec![Need::new("s3:GetObject", object), Need::new("s3:ListBucket", bucket)]
        }
        ("GET" | "HEAD", None) => vec![Need::new("s3:GetObject", object), via("kms:Decrypt")],
        ("GET", Some(_)) => vec![Need::new("s3:GetObjectVersion", object), via("kms:Decrypt")],
        ("PUT", None) => vec![Need::new("s3:PutObject", object), via("kms:GenerateDataKey")],
        ("DELETE", None) => vec![Need::new("s3:DeleteObject", object)],
        other => panic!("what does {other:?} need?"),
    }
}
