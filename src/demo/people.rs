//! The invented customers of the sample targets.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Name, e-mail address, social security number, card, bank account, tier: all invented or published for
/// tests.
const PEOPLE: [[&str; 6]; 9] = [
    ["Ada Nunes", "ada@example.com", "512-34-4391", "4111111111111111", "GB82WEST12345698765432", "silver"],
    ["Bo Lindqvist", "bo@example.com", "527-81-6042", "5555555555554444", "DE89370400440532013000", "gold"],
    [
        "Carmen Ortiz",
        "carmen@example.org",
        "431-22-7786",
        "378282246310005",
        "FR1420041010050500013M02606",
        "silver",
    ],
    ["Dev Patel", "dev@example.com", "602-15-3309", "4012888888881881", "NL91ABNA0417164300", "bronze"],
    ["Edith Moreau", "edith@example.org", "318-44-9127", "5105105105105100", "BE68539007547034", "gold"],
    ["Femi Okafor", "femi@example.com", "245-67-8840", "6011111111111117", "CH9300762011623852957", "bronze"],
    ["Grace Kim", "grace@example.com", "571-90-4399", "4222222222222", "ES9121000418450200051332", "silver"],
    [
        "Hugo Silva",
        "hugo@example.org",
        "623-08-1175",
        "6011000990139424",
        "PT50000201231234567890154",
        "gold",
    ],
    ["Ines Weber", "ines@example.com", "409-53-2268", "371449635398431", "AT611904300234573201", "bronze"],
];

/// Returns all customers, with ids from 1.
pub fn customers() -> Vec<Map<String, Value>> {
    let one = |(place, [name, email, ssn, card, iban, tier]): (usize, [&str; 6])| {
        let mut customer = Map::new();
        customer.insert("id".to_owned(), json!(place + 1));
        let fields = [
            ("name", name),
            ("email", email),
            ("ssn", ssn),
            ("credit_card", card),
            ("iban", iban),
            ("tier", tier),
        ];
        customer.extend(fields.map(|(field, value)| (field.to_owned(), json!(value))));
        customer.insert("balance".to_owned(), json!(120 * (place + 1)));
        let notes = format!("Called on Monday, confirmed {ssn} and {email}; invoice goes to {iban}.");
        customer.insert("notes".to_owned(), json!(notes));
        customer
    };
    PEOPLE.into_iter().enumerate().map(one).collect()
}
