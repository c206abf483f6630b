//! Writes the mail that welcomes a new employee.

use serde::{Deserialize, Serialize};
use stepladder::Step;

use crate::hire::Hire;
use crate::records::{Account, DynamoRecords, Mail, Mentor, Records, RecordsError};

/// What the mail tells about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WelcomeRequest {
    pub hire: Hire,
    pub account: Account,
    pub mentor: Mentor,
}

/// Which mail waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcomed {
    pub message_id: String,
    pub to: String,
}

/// The step as it is deployed: with the onboarding table.
pub async fn send_welcome(request: WelcomeRequest, step: Step) -> Result<Welcomed, RecordsError> {
    welcome(request, &step, DynamoRecords::from_env().await).await
}

/// The step with any records.
pub async fn welcome(
    request: WelcomeRequest,
    step: &Step,
    records: &impl Records,
) -> Result<Welcomed, RecordsError> {
    let mail = render(&request);
    let Mail { message_id, to, .. } =
        records.once(&request.hire.hire_id, step.operation_key(), &mail).await?;
    Ok(Welcomed { message_id, to })
}

fn render(request: &WelcomeRequest) -> Mail {
    let WelcomeRequest { hire, account, mentor } = request;
    Mail {
        message_id: format!("<{}@onboarding.example.com>", hire.hire_id),
        to: hire.email.clone(),
        subject: format!("Welcome, {}", hire.name),
        body: format!(
            "Dear {},\n\nwelcome as {}. Your login is {}, your address {}.\nAsk {} ({}) anything.\n",
            hire.name, hire.role, account.login, account.address, mentor.name, mentor.address,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::MemoryRecords;
    use crate::steps::tests::for_hire;

    #[tokio::test]
    async fn a_welcome_is_written_once_and_tells_what_matters() {
        let hire = for_hire().hire;
        let account = Account { login: "emp-1".to_owned(), address: "emp-1@staff.example.com".to_owned() };
        let mentor = Mentor { name: "Aino".to_owned(), address: "aino@example.com".to_owned() };
        let request = WelcomeRequest { hire, account, mentor };
        assert_eq!(
            render(&request).body,
            "Dear Zoë Krüger,\n\nwelcome as Engineer. Your login is emp-1, your address emp-1@staff.example.com.\n\
             Ask Aino (aino@example.com) anything.\n"
        );
        let (records, step) = (MemoryRecords::default(), Step::for_test("SendWelcome"));
        let first = welcome(request.clone(), &step, &records).await.expect("written");
        assert_eq!(first.to, "zoe@example.org");
        assert_eq!(welcome(request, &step.with_attempt(2), &records).await, Ok(first));
        assert_eq!(records.done_for("emp-1"), ["WELCOME"]);
    }
}
