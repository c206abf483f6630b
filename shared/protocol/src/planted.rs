//! Wrong rules that read as well as the right ones.

/// A wrong rule. The simulation plants each of them and must find every one; nothing else ever names one.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlantedBug {
    /// A delivery that loses the race against its own other copy is acknowledged.
    DropLostRace,
    /// A message that lost against another sends the winner's effects too.
    EveryLoserResends,
    /// The end of the run is only an update of the run item.
    EndIsNoRecord,
    /// The close doesn't ask for the redrive count.
    CloseWithoutRedriveCount,
    /// Stop writes the run item first and the tombstone after it.
    StopInTwoWrites,
    /// A stop asked for before a redrive stops the redriven run.
    StopWithoutRedriveCount,
    /// The dead-letter function drops a message whose record is there.
    DeadLetterDropsKnownRecord,
    /// Repair takes the redrive count from the run item.
    RepairReadsRedriveCount,
    /// The record is put without a condition.
    UnconditionalPut,
    /// The message is acknowledged although its effects could not be sent.
    AcknowledgeBeforeSending,
    /// A redelivered message of an ended run is acknowledged at once.
    AcknowledgeEndedRun,
    /// The seed is made without the nonce.
    SeedWithoutNonce,
    /// All endings of a run that are large share one item.
    OneItemForAllEndings,
    /// The branch whose end decides a fan-out writes the parent's record by its own message.
    BranchWritesJoin,
    /// The place of a branch in its part's list counts as its place in the whole fan-out.
    PlaceWithinPart,
    /// The report of a full part doesn't say how many of its branches failed.
    FullPartWithoutFailures,
    /// Each report of a failure adds one to the failures of its part.
    FailuresCountedByAdd,
    /// Only the flag of the innermost fan-out is read.
    ReadsOnlyNearestFlag,
    /// The flag of a part is set only where its item is there.
    FlagIsNoUpsert,
    /// The flags are set before the parent's record is there.
    FlagBeforeParentsRecord,
    /// A fan-out begins with one branch more than it may.
    OneBranchTooMany,
    /// All waits of a branch have one schedule's name.
    ScheduleNamedByBranch,
    /// A schedule that could not be made counts as made.
    FailedScheduleIsDone,
    /// An answer to a task is kept, and what follows from it is asked for only then.
    AnswerWithoutMessage,
    /// The failure of a call whose token was given away is recorded, whoever has answered.
    CallRecordsItsError,
    /// The message that tells an end is acknowledged although the event bus refused it.
    UntoldStatusIsDone,
    /// The report of a complete node doesn't say how many of the branches below it failed.
    CompleteNodeWithoutFailures,
    /// A node counts as complete when as many have reported to it as a node can have.
    EveryNodeIsFull,
    /// A node tells that it is complete before what its branches have come to is gathered.
    NodeToldBeforeGathered,
    /// The wait for an activity's worker goes on as another message.
    WaitGoesOnUnderAnotherId,
    /// A redrive runs the branches again that have succeeded.
    RedriveRerunsFinishedBranches,
    /// All messages of a batch have the slot of the first.
    OneSlotForTheBatch,
    /// A message that waits for its slot is sent again under another id.
    WaitsUnderAnotherId,
    /// A lease that somebody holds is as good as one of one's own.
    HeldLeaseIsTaken,
    /// Whoever has a lease runs the code, also where somebody had it before.
    LeaseIsEnough,
    /// The end of a branch begins another one although its Map Run is to be updated.
    EndsBehindMarkBegin,
    /// An update opens the fan-out anew before the last branch has ended that had begun.
    ReopensBeforeDrained,
    /// Failures count against the threshold that an update is to replace.
    JudgesWhileDraining,
    /// A state that somebody chose goes on with what the run had at its end, instead of what the state saw.
    ChosenSeesTheEnd,
    /// What the branches of a fan-out had come to is followed by the definition that the run goes on by.
    OldBranchesByNewDefinition,
    /// Whoever has sent a run to a state that undoes, and died, does nothing more about it.
    CompensatedOnce,
    /// A held message is let go of before it has been sent again.
    LetsGoBeforeResumed,
    /// A message of a paused run is acknowledged without another look whether it still is.
    HoldsWithoutSecondLook,
    /// Whoever lets go of a held message lets go of it also where it was held again meanwhile.
    LetsGoOfLaterOnes,
    /// What is held comes back as another message.
    HoldsUnderAnotherId,
}

impl PlantedBug {
    pub const ALL: [PlantedBug; 45] = [
        PlantedBug::DropLostRace,
        PlantedBug::EveryLoserResends,
        PlantedBug::EndIsNoRecord,
        PlantedBug::CloseWithoutRedriveCount,
        PlantedBug::StopInTwoWrites,
        PlantedBug::StopWithoutRedriveCount,
        PlantedBug::DeadLetterDropsKnownRecord,
        PlantedBug::RepairReadsRedriveCount,
        PlantedBug::UnconditionalPut,
        PlantedBug::AcknowledgeBeforeSending,
        PlantedBug::AcknowledgeEndedRun,
        PlantedBug::SeedWithoutNonce,
        PlantedBug::OneItemForAllEndings,
        PlantedBug::BranchWritesJoin,
        PlantedBug::PlaceWithinPart,
        PlantedBug::FullPartWithoutFailures,
        PlantedBug::FailuresCountedByAdd,
        PlantedBug::ReadsOnlyNearestFlag,
        PlantedBug::FlagIsNoUpsert,
        PlantedBug::FlagBeforeParentsRecord,
        PlantedBug::OneBranchTooMany,
        PlantedBug::ScheduleNamedByBranch,
        PlantedBug::FailedScheduleIsDone,
        PlantedBug::UntoldStatusIsDone,
        PlantedBug::AnswerWithoutMessage,
        PlantedBug::CallRecordsItsError,
        PlantedBug::CompleteNodeWithoutFailures,
        PlantedBug::EveryNodeIsFull,
        PlantedBug::NodeToldBeforeGathered,
        PlantedBug::WaitGoesOnUnderAnotherId,
        PlantedBug::RedriveRerunsFinishedBranches,
        PlantedBug::OneSlotForTheBatch,
        PlantedBug::WaitsUnderAnotherId,
        PlantedBug::HeldLeaseIsTaken,
        PlantedBug::LeaseIsEnough,
        PlantedBug::EndsBehindMarkBegin,
        PlantedBug::ReopensBeforeDrained,
        PlantedBug::JudgesWhileDraining,
        PlantedBug::ChosenSeesTheEnd,
        PlantedBug::OldBranchesByNewDefinition,
        PlantedBug::CompensatedOnce,
        PlantedBug::LetsGoBeforeResumed,
        PlantedBug::HoldsWithoutSecondLook,
        PlantedBug::LetsGoOfLaterOnes,
        PlantedBug::HoldsUnderAnotherId,
    ];
}
