//! How many instructions parsing and validating a person takes, beside the least that it can take.
//!
//! `cargo bench -p people --bench instructions` (needs valgrind: `apt-get install valgrind`). Instructions do not depend on
//! what else the machine does. The floor is a struct that is fixed at compile time, with the same checks written by hand;
//! ours works from a definition that is read at run time; `Value` is a generic JSON tree without any checks.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that cannot run ends")]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write;
use std::process::Command;

use bytes::Bytes;
use people_core::batch::read_json;
use people_core::check::check;
use people_core::profile::Profile;
use people_core::time::is_date;
use serde::Deserialize;

const PEOPLE: usize = 50;
const FIELDS: usize = 24;
const ROUNDS: usize = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--work") => work(&arguments[2], arguments[3].parse().unwrap()),
        _ => compare(),
    }
}

fn compare() {
    let floor = instructions("floor");
    print(&format!("{PEOPLE} people with {FIELDS} fields each, instructions per person:"));
    for (mode, what) in [
        ("floor", "floor: typed struct, checks by hand"),
        ("ours", "ours: run-time definition"),
        ("value", "serde_json::Value, no checks"),
    ] {
        let count = if mode == "floor" { floor } else { instructions(mode) };
        print(&format!("{what:<40} {count:>8.0}  {:.2} x floor", count / floor));
    }
    print(&format!(
        "compiling the definition                 {:>8.0}",
        instructions("compile") * PEOPLE as f64
    ));
}

/// The difference between two runs of different length: what starting a process takes falls away.
fn instructions(mode: &str) -> f64 {
    let (few, many) = (collected(mode, ROUNDS), collected(mode, 2 * ROUNDS));
    (many - few) / (ROUNDS * PEOPLE) as f64
}

fn collected(mode: &str, rounds: usize) -> f64 {
    let me = std::env::current_exe().unwrap();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(me)
        .args(["--work", mode, &rounds.to_string()])
        .output()
        .expect("valgrind is installed (apt-get install valgrind)");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text.lines().find(|line| line.contains("Collected :")).unwrap_or_else(|| panic!("{text}"));
    line.split(':').nth(1).unwrap().trim().parse().unwrap()
}

fn work(mode: &str, rounds: usize) {
    let (definition, body) = (definition(), Bytes::from(body()));
    let profile = Profile::parse(definition.as_bytes()).unwrap();
    for _ in 0..rounds {
        match mode {
            "floor" => {
                let people: Vec<Person<'_>> = serde_json::from_slice(black_box(&body)).unwrap();
                assert!(people.iter().all(Person::is_valid));
                black_box(people.len());
            }
            "ours" => {
                let parts = read_json(black_box(&body)).unwrap();
                let checked: Vec<_> = parts.into_iter().map(|part| check(&profile, part)).collect();
                assert!(checked.iter().all(Result::is_ok));
                black_box(checked.len());
            }
            "value" => {
                let value: serde_json::Value = serde_json::from_slice(black_box(&body)).unwrap();
                black_box(value.as_array().map(Vec::len));
            }
            "compile" => drop(black_box(Profile::parse(black_box(definition.as_bytes())))),
            other => panic!("{other}"),
        }
    }
}

fn definition() -> String {
    let field = |n: usize| {
        let kind = ["String", "Date", "Email", "Phone"][n % 4];
        format!(r#"{{"name":"field{n:02}","fieldType":"{kind}","source":"Api"}}"#)
    };
    format!("[{}]", (0..FIELDS).map(field).collect::<Vec<_>>().join(","))
}

fn body() -> String {
    let mut body = String::from("[");
    for person in 0..PEOPLE {
        let _ =
            write!(body, r#"{}{{"employeeId":"{}""#, if person == 0 { "" } else { "," }, 200_000 + person);
        for n in 0..FIELDS {
            let value = match n % 4 {
                1 => format!("20{:02}-11-{:02}", n, 1 + person % 28),
                2 => format!("person{person:03}@example.com"),
                3 => format!("+49 170 {person:07}"),
                _ => format!("Lindstr\u{f6}m {person} {n}"),
            };
            let _ = write!(body, r#","field{n:02}":"{value}""#);
        }
        body.push('}');
    }
    body + "]"
}

macro_rules! person {
    ($(($string:ident $date:ident $email:ident $phone:ident))*) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Person<'a> {
            #[serde(borrow, rename = "employeeId")]
            employee_id: Cow<'a, str>,
            $(#[serde(borrow)] $string: Cow<'a, str>, #[serde(borrow)] $date: Cow<'a, str>,
              #[serde(borrow)] $email: Cow<'a, str>, #[serde(borrow)] $phone: Cow<'a, str>,)*
        }

        impl Person<'_> {
            fn is_valid(&self) -> bool {
                !self.employee_id.trim().is_empty()
                    $(&& is_date(&self.$date) && self.$string.len() + self.$email.len() + self.$phone.len() < 262_144)*
            }
        }
    };
}

person! {
    (field00 field01 field02 field03) (field04 field05 field06 field07) (field08 field09 field10 field11)
    (field12 field13 field14 field15) (field16 field17 field18 field19) (field20 field21 field22 field23)
}

fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
