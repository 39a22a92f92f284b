//! What the templates have to hold though nothing in the code says so: without it everything works, and is slower, open
//! or unwatched.

use serde_json::{Value, json};

use super::compare::{CALLING, FUNCTIONS};
use super::read::{ACCOUNT, Deployed, REGION, entries, text};
use super::says::{STAGE, Templates, with_stage};

/// A piece of a template: what it is, and what it has to be.
struct Piece {
    name: String,
    is: Value,
    due: Value,
}

fn piece(name: impl Into<String>, is: &Value, due: Value) -> Piece {
    Piece { name: name.into(), is: is.clone(), due }
}

/// What is otherwise than it has to be, a line each.
pub(crate) fn pieces(templates: &Templates) -> Vec<String> {
    let parameters =
        with_stage(&json!({"SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1", "AlarmTopicArn": "topic"}));
    let top = Deployed::new(&templates.top, &parameters);
    let [stores, permissions, alarms] =
        ["Stores", "Permissions", "Alarms"].map(|nested| templates.given(&top, nested));
    let mut pieces = functions(&top);
    pieces.extend(bucket(&Deployed::new(&templates.stores, &stores)));
    pieces.extend(network(&Deployed::new(&templates.permissions, &permissions)));
    pieces.push(watched(&Deployed::new(&templates.alarms, &alarms)));
    let wrong = pieces.into_iter().filter(|piece| piece.is != piece.due);
    wrong.map(|piece| format!("{} has to be {}, and is {}", piece.name, piece.due, piece.is)).collect()
}

fn functions(top: &Deployed<'_>) -> Vec<Piece> {
    let globals = top.globals();
    let mut pieces = Vec::new();
    for (id, function) in top.resources(FUNCTIONS) {
        let own = &function["Properties"];
        let is = |name: &str| if own[name].is_null() { &globals[name] } else { &own[name] };
        let lists_people = own["CodeUri"] == "functions/directory-sync";
        let is_staged = own["CodeUri"] == "functions/staged-import";
        let is_redelivery = own["CodeUri"] == "functions/redelivery";
        let takes_files = own["CodeUri"] == "functions/inbox-import";
        for (name, due) in [
            ("Runtime", json!("provided.al2023")),
            ("Handler", json!("bootstrap")),
            ("Architectures", json!(["x86_64"])),
            // The handlers give up on their own before that.
            (
                "Timeout",
                json!(if is_staged || takes_files {
                    900
                } else if lists_people || is_redelivery {
                    300
                } else {
                    30
                }),
            ),
        ] {
            pieces.push(piece(format!("{name} of {id}"), is(name), due));
        }
        let events = entries(&own["Events"]).filter(|(_, event)| event["Type"] == "ScheduleV2");
        let told = |event: &Value| json!([event["ScheduleExpression"], event["Input"]]);
        let schedules = events.map(|(_, event)| told(&event["Properties"])).collect();
        let due = match (lists_people, is_redelivery, takes_files) {
            (true, _, _) => json!([["rate(15 minutes)", null]]),
            (_, true, _) => json!([["rate(1 minute)", null], ["rate(1 day)", r#"{"sweep":true}"#]]),
            (_, _, true) => json!([["rate(5 minutes)", null]]),
            _ => json!([]),
        };
        pieces.push(piece(format!("the schedules of {id}"), &schedules, due));
        if is_staged {
            pieces.extend(arrival(own));
        }
    }
    pieces
}

/// What a body that arrives sets off, and what becomes of an event that is given up.
fn arrival(function: &Value) -> Vec<Piece> {
    let bucket = format!("people-{STAGE}-{ACCOUNT}");
    let due = json!({"Arrival": {"Type": "EventBridgeRule", "Properties": {
        "RuleName": format!("people-{STAGE}-staged-import"),
        "Pattern": {
            "source": ["aws.s3"], "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": "staged/"}]}},
        },
    }}});
    let given_up = json!({
        "MaximumEventAgeInSeconds": 21600, "MaximumRetryAttempts": 2,
        "DestinationConfig": {"OnFailure": {
            "Type": "S3Bucket", "Destination": format!("arn:aws:s3:::{bucket}-dead-letters"),
        }},
    });
    vec![
        piece("what sets staged-import off", &function["Events"], due),
        piece("what staged-import gives up", &function["EventInvokeConfig"], given_up),
    ]
}

fn bucket(stores: &Deployed<'_>) -> Vec<Piece> {
    let of_type = |name: &str| {
        let all = stores.resources(name).into_iter().map(|(_, resource)| resource);
        let mut all: Vec<_> = all.chain([Value::Null, Value::Null]).take(2).collect();
        (all.remove(0), all.remove(0))
    };
    let (bucket, letters) = of_type("AWS::S3::Bucket");
    let encryption = &bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"];
    let by_key = json!([{
        "BucketKeyEnabled": true,
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "Key.Arn"},
    }]);
    let (policy, letters_policy) = of_type("AWS::S3::BucketPolicy");
    let denied = |bucket: &str| {
        json!([{
            "Sid": "OnlyEncryptedConnections", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [format!("{bucket}.Arn"), format!("{bucket}.Arn/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }])
    };
    let week = |id: &str, prefix: &str| {
        json!({
            "Id": id, "Status": "Enabled", "Prefix": prefix, "ExpirationInDays": 7,
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        })
    };
    // No rule may end a version of the configuration: the newest good one is looked for among them.
    let rules = &bucket["Properties"]["LifecycleConfiguration"]["Rules"];
    let ended = json!([
        {
            "Id": "former-documents", "Status": "Enabled", "Prefix": "documents/",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30}, "ExpiredObjectDeleteMarker": true,
        },
        week("staged-bodies", "staged/"),
        week("failed-parts", "failed/"),
        week("imported-files", "inbox-done/"),
        week("failed-files", "inbox-failed/"),
        {
            "Id": "taken-files", "Status": "Enabled", "Prefix": "inbox/",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1}, "ExpiredObjectDeleteMarker": true,
        },
        {
            "Id": "broken-uploads", "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
        },
    ]);
    vec![
        piece("the bucket's encryption", encryption, by_key.clone()),
        piece("the bucket's policy", &policy["Properties"]["PolicyDocument"]["Statement"], denied("Bucket")),
        piece(
            "what the bucket tells",
            &bucket["Properties"]["NotificationConfiguration"],
            json!({"EventBridgeConfiguration": {"EventBridgeEnabled": true}}),
        ),
        piece(
            "the dead letters' encryption",
            &letters["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"],
            by_key,
        ),
        piece(
            "the dead letters' policy",
            &letters_policy["Properties"]["PolicyDocument"]["Statement"],
            denied("DeadLetters"),
        ),
        piece("what the bucket ends", rules, ended),
    ]
}

/// What Lambda may do to join a network, and the function's code may not.
fn network(permissions: &Deployed<'_>) -> Vec<Piece> {
    let policies = permissions.resources("AWS::IAM::ManagedPolicy");
    let policy = policies.first().map(|(_, policy)| policy).unwrap_or(&Value::Null);
    let statements = &policy["Properties"]["PolicyDocument"]["Statement"];
    let function = |name| format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:people-{STAGE}-{name}");
    let callers =
        ["batch-import", "pdf-storage", "directory-sync", "staged-import", "redelivery", "inbox-import"]
            .map(function);
    let denied = json!({
        "Sid": "NotTheCode", "Effect": "Deny", "Action": statements[0]["Action"], "Resource": "*",
        "Condition": {"ArnEquals": {
            "lambda:SourceFunctionArn": callers,
        }},
    });
    let mut pieces = vec![piece("what the code may not", &statements[1], denied)];
    for (id, role) in permissions.resources("AWS::IAM::Role") {
        let role = &role["Properties"];
        let joins = CALLING.contains(&text(&role["Policies"][0]["PolicyName"]));
        let due = if joins { json!(["Network"]) } else { Value::Null };
        pieces.push(piece(format!("what {id} shares"), &role["ManagedPolicyArns"], due));
    }
    pieces
}

/// What somebody is told of.
fn watched(alarms: &Deployed<'_>) -> Piece {
    let alarms = alarms.resources("AWS::CloudWatch::Alarm");
    let mut is: Vec<_> = alarms
        .iter()
        .map(|(_, alarm)| &alarm["Properties"])
        .filter(|alarm| alarm["AlarmActions"] == json!(["topic"]))
        .map(|alarm| {
            let of = alarm["Dimensions"][0]["Value"].as_str().unwrap_or("all");
            format!("{} {} of {of}", text(&alarm["Namespace"]), text(&alarm["MetricName"]))
        })
        .collect();
    let own = format!("people-{STAGE}");
    let mut due = vec![
        "AWS/ApiGateway 5xx of Api".to_owned(),
        format!("AWS/Lambda Invocations of {own}-directory-sync"),
        format!("AWS/Lambda AsyncEventsDropped of {own}-staged-import"),
        format!("AWS/Lambda DestinationDeliveryFailures of {own}-staged-import"),
        format!("{own} RefusedConfigurations of all"),
        format!("{own} StoppedTargets of all"),
        format!("{own} TargetsNotListed of all"),
    ];
    for function in super::compare::crates() {
        // Runs of these may overlap with the next one, which is throttled then.
        let overlaps = matches!(function.as_str(), "redelivery" | "inbox-import");
        let runs = if overlaps { "Invocations" } else { "Throttles" };
        due.extend(["Errors", runs].map(|metric| format!("AWS/Lambda {metric} of {own}-{function}")));
    }
    is.sort();
    due.sort();
    piece("what is watched", &json!(is), json!(due))
}
