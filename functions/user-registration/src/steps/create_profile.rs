//! Makes the profile of a user: what the caller waits for.

use stepladder::Step;

use crate::records::{DynamoRecords, Profile, Records, RecordsError};
use crate::registration::Registration;

/// The step as it is deployed: with the users' table.
pub async fn create_profile(registration: Registration, step: Step) -> Result<Profile, RecordsError> {
    create(registration, &step, DynamoRecords::from_env().await).await
}

/// The step with any records. An address has one user.
pub async fn create(
    registration: Registration,
    step: &Step,
    records: &impl Records,
) -> Result<Profile, RecordsError> {
    let Registration { email, name, language } = registration;
    // The same for all attempts of a run, and nobody else's.
    let digits: String = step.operation_key().chars().take(16).collect();
    let profile = Profile { user_id: format!("usr-{digits}"), email, name, language };
    records.create_profile(step.operation_key(), &profile).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::MemoryRecords;
    use crate::registration::Language;

    #[tokio::test]
    async fn an_address_has_one_user_however_often_it_is_asked_for() {
        let ada = |name: &str| Registration {
            email: "ada@example.org".into(),
            name: name.into(),
            language: Language::En,
        };
        let (records, step) = (MemoryRecords::default(), Step::for_test("CreateProfile"));
        let first = create(ada("Ada"), &step, &records).await.expect("made");
        assert_eq!(create(ada("Ada"), &step.clone().with_attempt(2), &records).await, Ok(first.clone()));
        let another = step.with_run("user-registration", "another-run");
        assert_eq!(create(ada("Eva"), &another, &records).await, Err(RecordsError::AddressTaken));
        assert_eq!(records.profiles(), [first]);
    }
}
