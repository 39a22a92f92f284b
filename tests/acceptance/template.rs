//! The template against the code: what is missing in it, and what nothing needs. Each comparison is shown to work by
//! taking out, one at a time, everything that it looks at.

mod calls;
pub(crate) mod compare;
mod holds;
mod place;
pub(crate) mod read;
mod record;
mod says;
mod walk;

use people_adapters::share::Share;
use serde_json::{Value, json};

use read::{Deployed, text};
use says::{Templates, with_secret, with_stage};

const NOTHING: Vec<String> = Vec::new();

/// Where something is in a template, as keys and numbers.
type Path = Vec<String>;

fn path(steps: &[&str]) -> Path {
    steps.iter().map(|step| (*step).to_owned()).collect()
}

fn below(path: &Path, step: impl ToString) -> Path {
    [path.as_slice(), &[step.to_string()]].concat()
}

/// The places right below a place.
fn children(template: &Value, path: &Path) -> Vec<Path> {
    match at(template, path) {
        Value::Array(items) => (0..items.len()).map(|index| below(path, index)).collect(),
        Value::Object(entries) => entries.keys().map(|key| below(path, key)).collect(),
        _ => Vec::new(),
    }
}

fn at<'a>(template: &'a Value, path: &[String]) -> &'a Value {
    path.iter().fold(template, |value, step| match step.parse::<usize>() {
        Ok(index) => &value[index],
        Err(_) => &value[step.as_str()],
    })
}

/// Takes out what is at a place.
fn take(template: &mut Value, path: &Path) {
    let (last, above) = path.split_last().unwrap();
    let above = above.iter().fold(template, |value, step| match step.parse::<usize>() {
        Ok(index) => &mut value[index],
        Err(_) => &mut value[step.as_str()],
    });
    match above {
        Value::Array(items) => drop(items.remove(last.parse().unwrap())),
        Value::Object(entries) => drop(entries.remove(last).unwrap()),
        other => panic!("nothing is below {other}"),
    }
}

/// The resources of a type, as places.
fn resources(template: &Value, of_type: &str) -> Vec<Path> {
    let all = children(template, &path(&["Resources"]));
    all.into_iter().filter(|place| at(template, place)["Type"] == of_type).collect()
}

/// Takes out each of these, one at a time, and gives back those that `compare` did not miss.
fn unnoticed(
    part: fn(&mut Templates) -> &mut Value,
    places: &[Path],
    compare: impl Fn(&Templates) -> Vec<String>,
) -> Vec<Path> {
    assert!(!places.is_empty());
    let is_unnoticed = |place: &&Path| {
        let mut templates = Templates::read();
        take(part(&mut templates), place);
        compare(&templates).is_empty()
    };
    places.iter().filter(is_unnoticed).cloned().collect()
}

#[test]
fn every_function_is_made() {
    assert_eq!(compare::functions(&Templates::read()), NOTHING);
    let functions = resources(&Templates::read().top, "AWS::Serverless::Function");
    assert_eq!(unnoticed(|templates| &mut templates.top, &functions, compare::functions), Vec::<Path>::new());
    let binaries = functions.into_iter().map(|function| below(&function, "Metadata")).collect::<Vec<_>>();
    assert_eq!(unnoticed(|templates| &mut templates.top, &binaries, compare::functions), Vec::<Path>::new());
    for name in compare::crates() {
        let mut fewer = Templates::read();
        fewer.workspace =
            fewer.workspace.replace(&format!("\"{name}\", "), "").replace(&format!(", \"{name}\"]"), "]");
        assert_eq!(compare::functions(&fewer), [format!("what Cargo.toml packages lacks {name}")]);
    }
}

#[test]
fn each_function_has_the_variables_that_it_reads_and_no_others() {
    let templates = Templates::read();
    assert_eq!(compare::variables(&templates), NOTHING);
    let mut variables = children(&templates.top, &path(&["Globals", "Function", "Environment", "Variables"]));
    for function in resources(&templates.top, "AWS::Serverless::Function") {
        let own = [function, path(&["Properties", "Environment", "Variables"])].concat();
        variables.extend(children(&templates.top, &own));
    }
    let missed = unnoticed(|templates| &mut templates.top, &variables, compare::variables);
    assert_eq!(missed, Vec::<Path>::new());
    let mut more = templates;
    more.top["Globals"]["Function"]["Environment"]["Variables"]["PEOPLE_TABEL_PREFIX"] = json!("x");
    assert_eq!(compare::variables(&more).len(), compare::crates().len());
}

#[test]
fn functions_roles_and_alarms_mean_the_bucket_and_the_tables_that_are_made() {
    let templates = Templates::read();
    assert_eq!(compare::places(&templates), NOTHING);
    let top = [
        "/Globals/Function/Environment/Variables/PEOPLE_BUCKET",
        "/Globals/Function/Environment/Variables/PEOPLE_TABLE_PREFIX",
        "/Resources/Stores/Properties/Parameters/BucketName",
        "/Resources/Stores/Properties/Parameters/Prefix",
        "/Resources/Permissions/Properties/Parameters/BucketName",
        "/Resources/Permissions/Properties/Parameters/Prefix",
        "/Resources/Alarms/Properties/Parameters/Prefix",
        "/Outputs/BucketName/Value",
        "/Outputs/TablePrefix/Value",
    ];
    for place in top {
        let mut other = templates.clone();
        *other.top.pointer_mut(place).unwrap() = json!("another");
        assert_ne!(compare::places(&other), NOTHING, "{place}");
    }
    let mut other = templates;
    *other.stores.pointer_mut("/Resources/Bucket/Properties/BucketName").unwrap() = json!("another");
    assert_ne!(compare::places(&other), NOTHING);
}

#[test]
fn each_route_leads_to_its_function_and_no_others_do() {
    let templates = Templates::read();
    assert_eq!(compare::routes(&templates), NOTHING);
    let functions = resources(&templates.top, "AWS::Serverless::Function");
    let events = functions.iter().flat_map(|function| {
        children(&templates.top, &[function.clone(), path(&["Properties", "Events"])].concat())
    });
    let routes: Vec<_> = events.filter(|event| at(&templates.top, event)["Type"] == "HttpApi").collect();
    let missed = unnoticed(|templates| &mut templates.top, &routes, compare::routes);
    assert_eq!(missed, Vec::<Path>::new());
    let mut more = templates;
    let event = json!({"Type": "HttpApi", "Properties": {"Method": "ANY", "Path": "/api/Everything"}});
    more.top["Resources"]["ImportLogFunction"]["Properties"]["Events"]["More"] = event;
    assert_eq!(compare::routes(&more), ["import-log has ANY /api/Everything, which nothing needs"]);
}

#[test]
fn the_tables_are_those_of_the_code() {
    let templates = Templates::read();
    assert_eq!(compare::tables(&templates), NOTHING);
    let mut pieces = resources(&templates.stores, "AWS::DynamoDB::Table");
    for table in pieces.clone() {
        let below_it = |steps: &[&str]| [table.clone(), path(steps)].concat();
        pieces.push(below_it(&["Properties", "TimeToLiveSpecification"]));
        pieces.extend(children(&templates.stores, &below_it(&["Properties", "KeySchema"])));
        for index in children(&templates.stores, &below_it(&["Properties", "GlobalSecondaryIndexes"])) {
            pieces.extend(children(
                &templates.stores,
                &[index.clone(), path(&["Projection", "NonKeyAttributes"])].concat(),
            ));
            pieces.extend(children(&templates.stores, &below(&index, "KeySchema")));
            pieces.push(index);
        }
    }
    let missed = unnoticed(|templates| &mut templates.stores, &pieces, compare::tables);
    assert_eq!(missed, Vec::<Path>::new());
}

/// Functions that call targets go where the targets are and have their credentials; the others do neither.
#[test]
fn a_network_and_the_credentials_reach_the_functions_that_call_targets() {
    let templates = Templates::read();
    let given = with_stage(&json!({
        "SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1", "TargetSecretArn": calls::SECRET,
    }));
    for (id, function) in Deployed::new(&templates.top, &given).resources("AWS::Serverless::Function") {
        let function = &function["Properties"];
        let is_calling =
            compare::CALLING.contains(&text(&function["CodeUri"]).trim_start_matches("functions/"));
        let network = json!({"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]});
        assert_eq!(function["VpcConfig"], if is_calling { network } else { Value::Null }, "{id}");
        let secret = &function["Environment"]["Variables"][compare::SECRET];
        assert_eq!(*secret, if is_calling { json!(calls::SECRET) } else { Value::Null }, "{id}");
    }
    let defaults = with_stage(&json!({}));
    for (id, function) in Deployed::new(&templates.top, &defaults).resources("AWS::Serverless::Function") {
        assert_eq!(function["Properties"]["VpcConfig"], Value::Null, "{id}");
    }
}

/// A limit in `targets.json` is for the whole deployment: as many processes as may run share a function's part of it.
#[test]
fn the_functions_that_call_targets_have_a_share_of_them_for_as_many_processes_as_may_run() {
    let templates = Templates::read();
    for (given, due) in [
        (json!({}), ["50/10", "5/1", "10/1", "10/5", "10/1", "15/5"]),
        (
            json!({"BatchImportConcurrency": 30, "PdfStorageConcurrency": 1, "StagedImportConcurrency": 2}),
            ["50/30", "5/1", "10/1", "10/1", "10/1", "15/2"],
        ),
    ] {
        let functions =
            Deployed::new(&templates.top, &with_stage(&given)).resources("AWS::Serverless::Function");
        let mut shares = Vec::new();
        for (id, function) in functions {
            let function = &function["Properties"];
            let reserved = &function["ReservedConcurrentExecutions"];
            match function["Environment"]["Variables"][compare::SHARE].as_str() {
                Some(share) => {
                    assert!(share.ends_with(&format!("/{reserved}")), "{id}: {share} of {reserved}");
                    assert!(Share::parse(share).is_ok(), "{id}: {share}");
                    shares.push(share.to_owned());
                }
                None => assert_eq!(*reserved, Value::Null, "{id}"),
            }
        }
        assert_eq!(shares, due);
        let percents = shares.iter().map(|share| share.split('/').next().unwrap().parse::<u32>().unwrap());
        assert!(percents.sum::<u32>() <= 100);
    }
}

#[test]
fn nothing_is_allowed_where_there_is_no_secret_and_no_key_of_its_own() {
    let templates = Templates::read();
    let allowed = |parameters: &Value| -> Vec<String> {
        let functions = templates.functions(parameters);
        assert!(functions.iter().all(|function| {
            let is_told = function.variables.contains_key(compare::SECRET);
            let is_due = parameters["TargetSecretArn"].is_string();
            is_told == (is_due && compare::CALLING.contains(&function.name.as_str()))
        }));
        let all = functions.iter().flat_map(|function| &function.permissions);
        let all = all.map(ToString::to_string);
        all.filter(|allowed| [calls::SECRET, calls::SECRET_KEY].iter().any(|arn| allowed.contains(arn)))
            .collect()
    };
    assert_eq!(allowed(&json!({})), NOTHING);
    let read = format!("secretsmanager:GetSecretValue on {}", calls::SECRET);
    assert_eq!(allowed(&json!({"TargetSecretArn": calls::SECRET})), [read.as_str(); compare::CALLING.len()]);
    assert_eq!(allowed(&with_secret()).len(), 2 * compare::CALLING.len());
}

#[test]
fn what_is_kept_is_encrypted_backed_up_and_outlives_the_stack() {
    let templates = Templates::read();
    let defaults = with_stage(&json!({}));
    let given = templates.given(&Deployed::new(&templates.top, &defaults), "Stores");
    let stores = Deployed::new(&templates.stores, &given);
    let tables = stores.resources("AWS::DynamoDB::Table");
    assert_eq!(tables.len(), 9);
    for (id, table) in &tables {
        let encryption = json!({"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": "Key.Arn"});
        assert_eq!(table["Properties"]["SSESpecification"], encryption, "{id}");
        let backup = &table["Properties"]["PointInTimeRecoverySpecification"];
        // A lease that came back from a backup would be over.
        let has_backup = !["Leases", "Repeats", "Sessions", "Undelivered"].contains(&id.as_str());
        assert_eq!(*backup, json!({"PointInTimeRecoveryEnabled": has_backup}), "{id}");
        assert_eq!(table["Properties"]["DeletionProtectionEnabled"], "true", "{id}");
    }
    let buckets = stores.resources("AWS::S3::Bucket");
    for (id, bucket) in &buckets {
        let closed = bucket["Properties"]["PublicAccessBlockConfiguration"].as_object().unwrap().clone();
        assert_eq!((closed.len(), closed.values().all(|value| value == true)), (4, true), "{id}");
    }
    assert_eq!(buckets[0].1["Properties"]["VersioningConfiguration"]["Status"], "Enabled");
    let keys = stores.resources("AWS::KMS::Key");
    for (id, store) in tables.iter().chain(&buckets).chain(&keys) {
        assert_eq!(
            (&store["DeletionPolicy"], &store["UpdateReplacePolicy"]),
            (&json!("RetainExceptOnCreate"), &json!("Retain")),
            "{id}"
        );
    }
}

#[test]
fn what_the_code_cannot_say_is_in_the_templates() {
    let templates = Templates::read();
    assert_eq!(holds::pieces(&templates), NOTHING);
    let function = |steps: &[&str]| [path(&["Resources", "DirectorySyncFunction"]), path(steps)].concat();
    let mut top = children(&templates.top, &path(&["Globals", "Function"]));
    top.retain(|place| !["MemorySize", "Environment"].contains(&place[2].as_str()));
    top.extend([function(&["Properties", "Events", "Schedule"]), function(&["Properties", "Timeout"])]);
    let staged = |step: &str| path(&["Resources", "StagedImportFunction", "Properties", step]);
    top.extend(["Events", "EventInvokeConfig", "Timeout"].map(staged));
    assert_eq!(unnoticed(|templates| &mut templates.top, &top, holds::pieces), Vec::<Path>::new());
    let bucket = |steps: &[&str]| [path(&["Resources", "Bucket", "Properties"]), path(steps)].concat();
    let mut stores = resources(&templates.stores, "AWS::S3::BucketPolicy");
    stores.extend([bucket(&["BucketEncryption"]), bucket(&["NotificationConfiguration"])]);
    for rule in children(&templates.stores, &bucket(&["LifecycleConfiguration", "Rules"])) {
        stores.extend(children(&templates.stores, &rule));
    }
    assert_eq!(unnoticed(|templates| &mut templates.stores, &stores, holds::pieces), Vec::<Path>::new());
    let alarms = resources(&templates.alarms, "AWS::CloudWatch::Alarm");
    let actions = alarms.iter().map(|alarm| [alarm.clone(), path(&["Properties", "AlarmActions"])].concat());
    let alarms: Vec<_> = alarms.iter().cloned().chain(actions).collect();
    assert_eq!(unnoticed(|templates| &mut templates.alarms, &alarms, holds::pieces), Vec::<Path>::new());
    let network = path(&["Resources", "Network", "Properties", "PolicyDocument", "Statement", "1"]);
    let arns = [network.clone(), path(&["Condition", "ArnEquals", "lambda:SourceFunctionArn"])].concat();
    let mut network =
        [children(&templates.permissions, &network), children(&templates.permissions, &arns)].concat();
    network.push(path(&["Resources", "BatchImportRole", "Properties", "ManagedPolicyArns"]));
    let missed = unnoticed(|templates| &mut templates.permissions, &network, holds::pieces);
    assert_eq!(missed, Vec::<Path>::new());
}

#[test]
fn the_access_log_holds_no_path_and_no_query() {
    let top = Templates::read().top;
    let format = text(&top["Resources"]["Api"]["Properties"]["AccessLogSettings"]["Format"]);
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '.';
    let variables =
        format.split('$').skip(1).map(|rest| rest.split(|letter| !is_name(letter)).next().unwrap());
    assert_eq!(
        variables.collect::<Vec<_>>(),
        ["context.requestId", "context.routeKey", "context.status", "context.responseLatency"]
    );
}

#[test]
fn the_alarms_count_messages_that_the_functions_write() {
    let alarms = Templates::read().alarms;
    let filters = resources(&alarms, "AWS::Logs::MetricFilter");
    // Two for each function that calls targets, and one for what directory-sync could not list.
    assert_eq!(filters.len(), 2 * compare::CALLING.len() + 1);
    let sources = [
        include_str!("../../functions/adapters/src/live.rs"),
        include_str!("../../functions/adapters/src/targets/engine/run.rs"),
        include_str!("../../functions/directory-sync/src/lib.rs"),
    ];
    for filter in filters {
        let pattern = text(&at(&alarms, &filter)["Properties"]["FilterPattern"]);
        let message = pattern.trim_matches('"');
        assert!(sources.iter().any(|source| source.contains(message)), "nothing says {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_may_do_what_it_does_and_nothing_else() {
    let templates = Templates::read();
    let walked = walk::walk(&templates.functions(&with_secret())).await;
    let complaints = |templates: &Templates| -> Vec<String> {
        let functions = templates.functions(&with_secret());
        functions.iter().flat_map(|function| compare::calls(function, &walked[&function.name])).collect()
    };
    let found = complaints(&templates);
    assert_eq!(found, NOTHING, "{}", found.join("\n"));
    let rules = rules(&templates.permissions);
    let missed = unnoticed(|templates| &mut templates.permissions, &rules, complaints);
    assert_eq!(missed, Vec::<Path>::new());
    let mut more = templates;
    let document =
        &mut more.permissions["Resources"]["ImportLogRole"]["Properties"]["Policies"][0]["PolicyDocument"];
    document["Statement"][1]["Action"] = json!(["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:Scan"]);
    let keys = "arn:aws:dynamodb:eu-central-1:123456789012:table/people-test-keys";
    assert_eq!(complaints(&more), [format!("import-log may dynamodb:Scan on {keys}, and never does")]);
}

/// Every action, resource and condition of every role.
fn rules(permissions: &Value) -> Vec<Path> {
    let mut rules = Vec::new();
    for role in resources(permissions, "AWS::IAM::Role") {
        let statements =
            [role, path(&["Properties", "Policies", "0", "PolicyDocument", "Statement"])].concat();
        for statement in children(permissions, &statements) {
            // What only some deployments have.
            let conditional = [statement.clone(), path(&["Fn::If", "1"])].concat();
            let statement = if at(permissions, &conditional).is_null() { statement } else { conditional };
            rules.extend(children(permissions, &below(&statement, "Action")));
            let resource = below(&statement, "Resource");
            if at(permissions, &resource).is_array() {
                rules.extend(children(permissions, &resource));
            }
            let condition = below(&statement, "Condition");
            let values = [condition.clone(), path(&["StringEquals", "kms:ViaService"])].concat();
            rules.extend(children(permissions, &values));
            if !at(permissions, &condition).is_null() {
                rules.push(condition);
            }
        }
    }
    rules
}
