//! The sample people, as every simulator starts with them.
//! They are in one place so that the same person is known everywhere under the same identifiers.

/// Somebody whom every target knows.
#[derive(Debug)]
pub(crate) struct SamplePerson {
    pub(crate) employee_id: String,
    pub(crate) email: String,
    pub(crate) first_name: &'static str,
    pub(crate) last_name: &'static str,
    pub(crate) department: &'static str,
}

/// The departments there are, wherever there are departments.
pub(crate) const DEPARTMENTS: [&str; 4] = ["IT", "Finance", "HR", "Sales"];

const NAMED: [(&str, &str, &str, &str); 5] = [
    ("joe", "Joe", "Miller", "IT"),
    ("sarah", "Sarah", "McAllister", "Sales"),
    ("ceo", "Clara", "Vance", "HR"),
    ("cfo", "Frank", "Novak", "Finance"),
    ("cio", "Ines", "Keller", "IT"),
];

const FIRST_NAMES: [&str; 10] =
    ["Anna", "Ben", "Chloe", "David", "Eva", "Felix", "Greta", "Hugo", "Irena", "Jakub"];

const LAST_NAMES: [&str; 20] = [
    "Adler",
    "Brown",
    "Cerny",
    "Dvorak",
    "Evans",
    "Fischer",
    "Green",
    "Horak",
    "Irving",
    "Jones",
    "Kral",
    "Lang",
    "Moore",
    "Nemec",
    "Olsen",
    "Prochazka",
    "Quinn",
    "Ritter",
    "Svoboda",
    "Taylor",
];

/// The five with names of their own, then `person000` to `person199`.
pub(crate) fn people() -> Vec<SamplePerson> {
    let person = |id: usize, user: String, names: (&'static str, &'static str), department| SamplePerson {
        employee_id: id.to_string(),
        email: format!("{user}@company.com"),
        first_name: names.0,
        last_name: names.1,
        department,
    };
    let named = NAMED.iter().enumerate().map(|(place, (user, first, last, department))| {
        person(100_200_300 + place, (*user).to_owned(), (first, last), department)
    });
    // No two of the 200 share both names, as 10 times 20 makes exactly that many.
    let generated = (0..200).map(|place| {
        let names = (FIRST_NAMES[place % 10], LAST_NAMES[place / 10]);
        person(200_000 + place, format!("person{place:03}"), names, DEPARTMENTS[place % 4])
    });
    named.chain(generated).collect()
}
