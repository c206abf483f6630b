//! Runs that go on from a chosen place, with chosen data, by another definition; and runs that are done again.

use crate::support::{Stack, failure, resource};
use serde_json::{Value, json};
use stepladder_engine::{Event, History, Status};
use stepladder_protocol::{
    Choice, Host, QueueName, Requested, RerunError, RerunRequest, RunId, Started, Store, limits,
};

fn id() -> RunId {
    RunId::new("w", "run")
}

fn task(function: &str, next: Option<&str>) -> Value {
    let mut task = json!({ "Type": "Task", "Resource": resource(function) });
    match next {
        Some(next) => task["Next"] = json!(next),
        None => task["End"] = json!(true),
    }
    task
}

/// Each step adds a member of its name, with how often the run was redriven.
fn chain() -> Value {
    let step = |function: &str, next: Option<&str>| {
        let mut step = task(function, next);
        step["ResultPath"] = json!(format!("$.{function}"));
        step
    };
    json!({ "StartAt": "A", "States": { "A": step("a", Some("B")), "B": step("b", Some("C")), "C": step("c", None) } })
}

/// `c` fails unless the run was redriven, or its input says that it is well.
fn stack(definition: &Value) -> Stack {
    let mut stack = Stack::with_settings(|settings| settings.part_branches = 2);
    stack.publish("w", definition);
    for function in ["a", "b"] {
        stack.step(function, |request| Ok(json!(request.run.redrive_count)));
    }
    stack.step("c", |request| match request.run.redrive_count > 0 || request.call.input["well"] == true {
        true => Ok(json!(request.run.redrive_count)),
        false => Err(failure("Broken")),
    });
    stack
}

fn failed() -> Stack {
    let stack = stack(&chain());
    stack.start("run", json!({ "x": 1 }));
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    stack
}

fn from(state: &str) -> Choice {
    Choice { from: Some(state.to_owned()), ..Choice::default() }
}

#[track_caller]
fn redrive(stack: &Stack, choice: &Choice) {
    let asked = stack.host.drive(stack.protocol.request_redrive_from(&id(), None, choice)).unwrap();
    assert_eq!(asked, Requested::Done);
    stack.run();
    check_history(stack, "run");
}

fn refused(stack: &Stack, choice: &Choice) -> String {
    let asked = stack.host.drive(stack.protocol.request_redrive_from(&id(), None, choice)).unwrap();
    let Requested::Unplaced(unplaced) = asked else { panic!("{asked:?}") };
    let preview = stack.host.drive(stack.protocol.preview_redrive_from(&id(), choice)).unwrap();
    assert_eq!(preview, Err(Requested::Unplaced(unplaced.clone())));
    unplaced.0
}

/// The history that comes by pages is the one of the replay.
#[track_caller]
fn check_history(stack: &Stack, name: &str) {
    let recording = stack.host.drive(stack.protocol.recording(&RunId::new("w", name))).unwrap().unwrap();
    let stepladder_protocol::Recording { definitions, run, beginning, records, .. } = &recording;
    let history = History::new(definitions, run, beginning.clone(), records).unwrap();
    let paged: Vec<_> = (0..history.len()).flat_map(|at| history.page(at..at + 1).unwrap()).collect();
    assert_eq!(paged, stack.view(name).replay.events);
}

#[test]
fn a_run_goes_on_from_an_earlier_state_with_what_that_saw() {
    let stack = failed();
    let preview = stack.host.drive(stack.protocol.preview_redrive_from(&id(), &from("B"))).unwrap().unwrap();
    assert_eq!((preview.state.as_str(), preview.left_behind), ("B", vec!["A".to_owned()]));
    redrive(&stack, &from("B"));
    assert_eq!(stack.ending("run").0, Some(json!({ "x": 1, "a": 0, "b": 1, "c": 1 })));
    assert_eq!(stack.ran(), ["a", "b", "c", "b", "c"]);
    let events = stack.view("run").replay.events;
    let entered = |name: &str| {
        events
            .iter()
            .filter(|event| matches!(&event.event, Event::StateEntered { name: of, .. } if of == name))
            .count()
    };
    assert_eq!((entered("A"), entered("B"), entered("C")), (1, 2, 2));
}

#[test]
fn the_data_can_be_another_in_whole_or_in_part() {
    let stack = failed();
    let set = vec![("$.order.n".to_owned(), json!(2)), ("$.x".to_owned(), json!(null))];
    redrive(&stack, &Choice { set, ..from("B") });
    assert_eq!(
        stack.ending("run").0,
        Some(json!({ "x": null, "order": { "n": 2 }, "a": 0, "b": 1, "c": 1 }))
    );
    let stack = failed();
    redrive(&stack, &Choice { input: Some(json!({ "y": 5 })), ..Choice::default() });
    assert_eq!(stack.ending("run").0, Some(json!({ "y": 5, "c": 1 })));
}

#[test]
fn a_state_is_skipped_and_what_follows_gets_the_output() {
    let stack = failed();
    redrive(&stack, &Choice { given: Some(json!({ "by": "hand" })), ..from("B") });
    assert_eq!(stack.ending("run").0, Some(json!({ "by": "hand", "c": 1 })));
    assert_eq!(stack.ran(), ["a", "b", "c", "c"]);
    // The last one: the run is over.
    let stack = failed();
    redrive(&stack, &Choice { given: Some(json!(null)), ..Choice::default() });
    assert_eq!((stack.status("run"), stack.ending("run").0), (Status::Succeeded, Some(json!(null))));
    assert_eq!(stack.ran(), ["a", "b", "c"]);
}

#[test]
fn what_can_not_be_is_refused_with_what_can() {
    let stack = failed();
    let why = refused(&stack, &from("D"));
    assert_eq!(why, "the definition has no state 'D'; it has: A, B, C");
    let why = refused(&stack, &Choice { set: vec![("x".to_owned(), json!(1))], ..from("B") });
    assert!(why.starts_with("'x' is no path to set: "), "{why}");
    let why = refused(&stack, &Choice { set: vec![("$.x.y".to_owned(), json!(1))], ..from("B") });
    assert_eq!(why, "'$.x.y' can't be set: what is there is no object");
    let why = refused(&stack, &Choice { given: Some(json!(1)), input: Some(json!(1)), ..from("B") });
    assert_eq!(why, "a state that is skipped has an output, and needs no input");
    let large = Choice { input: Some(json!("x".repeat(limits::CHOICE_BYTES_MAX))), ..from("B") };
    assert!(refused(&stack, &large).contains("is the most"));
    let definition = json!({ "StartAt": "A", "States": { "A": task("a", Some("Z")), "Z": task("c", None) } });
    let hash = stack.publish("w", &definition).hash;
    let why = refused(&stack, &Choice { definition: Some(hash), ..Choice::default() });
    assert_eq!(why, "the definition has no state 'C' at its top level; it has: A, Z");
    assert_eq!(stack.ran(), ["a", "b", "c"], "nothing has happened");
}

#[test]
fn a_run_goes_on_by_another_definition_from_then_on() {
    let stack = failed();
    let mut other = chain();
    other["States"]["C"] = json!({ "Type": "Pass", "Result": "mended", "ResultPath": "$.c", "Next": "D" });
    other["States"]["D"] = task("a", None);
    other["States"]["D"]["ResultPath"] = json!("$.d");
    let hash = stack.publish("w", &other).hash;
    redrive(&stack, &Choice { definition: Some(hash.clone()), ..Choice::default() });
    let expected = json!({ "x": 1, "a": 0, "b": 0, "c": "mended", "d": 1 });
    assert_eq!(stack.ending("run").0, Some(expected));
    let view = stack.view("run");
    assert_ne!(view.item.definition, hash);
    assert_eq!((view.item.definition_now(), view.definition.hash.as_str()), (hash.as_str(), hash.as_str()));
}

#[test]
fn a_run_has_taken_so_many_definitions_and_no_more() {
    let stack = stack(&chain());
    stack.start("run", json!({ "x": 1 }));
    stack.run();
    let failing = |n: usize| {
        let mut other = chain();
        other["States"]["C"] = json!({ "Type": "Fail", "Error": format!("E{n}") });
        Some(stack.publish("w", &other).hash)
    };
    for n in 0..limits::REDEFINED_MAX {
        redrive(&stack, &Choice { definition: failing(n), ..Choice::default() });
        assert_eq!(stack.ending("run").1, Some(format!("E{n}")));
    }
    let why = refused(&stack, &Choice { definition: failing(99), ..Choice::default() });
    assert!(why.contains("rerun it instead"), "{why}");
}

/// Each item goes through `a`, then through `work`; behind it stands `c`.
fn map() -> Value {
    let processor = json!({ "StartAt": "First", "States": { "First": task("first", Some("Work")), "Work": task("work", None) } });
    json!({ "StartAt": "Each", "States": {
        "Each": { "Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "ResultPath": "$.each", "Next": "C" },
        "C": chain()["States"]["C"].clone(),
    } })
}

fn with_map(definition: &Value) -> Stack {
    let mut stack = stack(definition);
    stack.step("first", |request| Ok(request.call.input));
    stack.step("work", |request| Ok(json!([request.call.input, request.run.redrive_count])));
    stack.start("run", json!({ "items": [0, 1, 2, 3, 4] }));
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    stack
}

#[test]
fn an_iteration_that_has_succeeded_goes_on_from_a_state_of_it_and_the_others_are_kept() {
    let stack = with_map(&map());
    let before = stack.ran().len();
    redrive(&stack, &Choice { set: Vec::new(), input: Some(json!(33)), ..from("Each[3].Work") });
    let each = json!([[0, 0], [1, 0], [2, 0], [33, 1], [4, 0]]);
    assert_eq!(stack.ending("run").0.unwrap()["each"], each);
    assert_eq!(stack.ran()[before..], ["work", "c"]);
}

#[test]
fn an_iteration_is_skipped_by_a_result() {
    let stack = with_map(&map());
    let before = stack.ran().len();
    redrive(&stack, &Choice { given: Some(json!("by hand")), ..from("Each[0].Work") });
    assert_eq!(stack.ending("run").0.unwrap()["each"], json!(["by hand", [1, 0], [2, 0], [3, 0], [4, 0]]));
    assert_eq!(stack.ran()[before..], ["c"]);
}

#[test]
fn a_map_state_that_is_named_itself_begins_anew() {
    let stack = with_map(&map());
    redrive(&stack, &from("Each"));
    assert_eq!(stack.ending("run").0.unwrap()["each"], json!([[0, 1], [1, 1], [2, 1], [3, 1], [4, 1]]));
}

#[test]
fn no_place_in_a_branch_that_is_not_there() {
    let stack = with_map(&map());
    assert_eq!(
        refused(&stack, &from("Each[9].Work")),
        "'Each[9]' is no branch that the last redrive ran: begin at the state itself"
    );
    let why = refused(&stack, &from("Each[0].C"));
    assert_eq!(why, "'Each[0]' has no state 'C' of 'Each[0].C'; it has: First, Work");
    assert!(refused(&stack, &from("C[0].Work")).starts_with("the definition has no state 'C[0].Work'"));
}

#[test]
fn a_place_deep_inside_keeps_all_around_it() {
    let inner = json!({ "Type": "Parallel", "End": true, "Branches": [
        { "StartAt": "Left", "States": { "Left": task("work", None) } },
        { "StartAt": "Right", "States": { "Right": task("work", None) } },
    ] });
    let mut definition = map();
    definition["States"]["Each"]["ItemProcessor"] =
        json!({ "StartAt": "First", "States": { "First": task("first", Some("Both")), "Both": inner } });
    let stack = with_map(&definition);
    let before = stack.ran().len();
    redrive(&stack, &from("Each[3].Both[1].Right"));
    let each = |n: u64, right: u64| json!([[n, 0], [n, right]]);
    let expected = json!([each(0, 0), each(1, 0), each(2, 0), each(3, 1), each(4, 0)]);
    assert_eq!(stack.ending("run").0.unwrap()["each"], expected);
    assert_eq!(stack.ran()[before..], ["work", "c"]);
}

#[test]
fn a_place_of_the_redriven_fan_out_and_not_of_the_one_before() {
    let stack = with_map(&map());
    stack.host.drive(stack.protocol.request_redrive_from(&id(), None, &from("Each[3].Work"))).unwrap();
    // It is opened, and stopped before anything of it has run.
    stack.deliver(&QueueName::Timer);
    stack.host.drive(stack.protocol.request_stop(&id(), None, None)).unwrap();
    stack.run();
    assert_eq!(stack.status("run"), Status::Aborted);
    // What was kept by the first one is no branch of the second.
    assert!(refused(&stack, &from("Each[4].Work")).contains("begin at the state itself"));
    redrive(&stack, &Choice::default());
    assert_eq!(stack.ending("run").0.unwrap()["each"], json!([[0, 0], [1, 0], [2, 0], [3, 2], [4, 0]]));
}

#[test]
fn kept_branches_go_on_by_another_definition_that_has_all_their_states() {
    let mut stack = stack(&map());
    stack.step("first", |request| Ok(request.call.input));
    stack.step("work", |request| match request.call.input == 2 && request.run.redrive_count == 0 {
        true => Err(failure("Broken")),
        false => Ok(json!([request.call.input, request.run.redrive_count])),
    });
    stack.start("run", json!({ "items": [0, 1, 2, 3, 4] }));
    stack.run();
    let mut other = map();
    other["States"]["Each"]["ItemProcessor"]["States"]["Work"]["Next"] = json!("Last");
    other["States"]["Each"]["ItemProcessor"]["States"]["Work"].as_object_mut().unwrap().remove("End");
    other["States"]["Each"]["ItemProcessor"]["States"]["Last"] =
        json!({ "Type": "Pass", "Result": "last", "End": true });
    let hash = stack.publish("w", &other).hash;
    let mut lacking = map();
    lacking["States"]["Each"]["ItemProcessor"] =
        json!({ "StartAt": "Only", "States": { "Only": task("work", None) } });
    let lacks = stack.publish("w", &lacking).hash;
    let why = refused(&stack, &Choice { definition: Some(lacks), ..Choice::default() });
    assert!(why.contains("has other branches"), "{why}");
    redrive(&stack, &Choice { definition: Some(hash), ..Choice::default() });
    assert_eq!(stack.ending("run").0.unwrap()["each"][2], json!("last"));
}

fn rerun(stack: &Stack, choice: Choice, token: Option<&str>) -> Result<Started, RerunError> {
    let request = RerunRequest { id: id(), name: None, token: token.map(str::to_owned), choice };
    stack.host.drive(stack.protocol.rerun(request))
}

#[track_caller]
fn rerun_name(stack: &Stack, choice: Choice) -> String {
    let Started::Created(item) = rerun(stack, choice, None).unwrap() else { panic!("it is there") };
    let old = stack.view("run").item;
    let rerun_of = item.rerun_of.clone().unwrap();
    assert_eq!((rerun_of.name, rerun_of.nonce), (old.id.name, old.nonce));
    assert_ne!(item.nonce, stack.view("run").item.nonce);
    item.id.name
}

#[test]
fn a_run_is_done_again_from_its_start_or_from_a_state_and_stays_as_it_is() {
    let stack = failed();
    let before = stack.view("run");
    let whole =
        rerun_name(&stack, Choice { set: vec![("$.well".to_owned(), json!(true))], ..Choice::default() });
    let part = rerun_name(&stack, Choice { set: vec![("$.well".to_owned(), json!(true))], ..from("C") });
    stack.run();
    let output = |name: &str| stack.ending(name).0;
    assert_eq!(output(&whole), Some(json!({ "x": 1, "well": true, "a": 0, "b": 0, "c": 0 })));
    assert_eq!(output(&part), output(&whole));
    assert_eq!(stack.ran().iter().filter(|ran| *ran == "a").count(), 2);
    assert_eq!(stack.view("run").item, before.item);
    let events = stack.view(&part).replay.events;
    assert!(matches!(&events[1].event, Event::StateEntered { name, .. } if name == "C"), "{:?}", events[1]);
    assert_eq!(stack.view(&part).beginning.input, json!({ "x": 1 }));
    check_history(&stack, &whole);
    check_history(&stack, &part);
}

#[test]
fn a_run_that_has_succeeded_is_done_again_and_so_is_a_rerun() {
    let stack = stack(&chain());
    stack.start("run", json!({ "well": true }));
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
    let first = rerun_name(&stack, Choice { set: vec![("$.b".to_owned(), json!(7))], ..from("C") });
    stack.run();
    let request =
        |choice| RerunRequest { id: RunId::new("w", first.clone()), name: None, token: None, choice };
    let second = stack.host.drive(stack.protocol.rerun(request(Choice::default()))).unwrap();
    let Started::Created(second) = second else { panic!("{second:?}") };
    stack.run();
    assert_eq!(stack.ending(&second.id.name).0, Some(json!({ "well": true, "a": 0, "b": 7, "c": 0 })));
    // A redrive of a rerun begins where that did.
    assert_eq!(second.begins_at.as_deref(), Some("C"));
    assert!(second.id.name.matches("-rerun-").count() == 1, "{}", second.id.name);
}

#[test]
fn whoever_asks_again_with_the_same_token_gets_the_same_rerun() {
    let stack = failed();
    let Ok(Started::Created(first)) = rerun(&stack, from("B"), Some("one")) else { panic!("not created") };
    stack.run();
    assert!(
        matches!(rerun(&stack, from("B"), Some("one")), Ok(Started::Repeated(item)) if item.id == first.id)
    );
    assert!(matches!(rerun(&stack, from("C"), Some("one")), Ok(Started::Conflict(_))));
    assert!(matches!(rerun(&stack, from("B"), Some("two")), Ok(Started::Created(_))));
    assert_eq!(stack.status(&first.id.name), Status::Failed);
}

#[test]
fn a_rerun_that_fails_is_redriven_from_its_end_or_from_its_beginning() {
    let stack = failed();
    let name = rerun_name(&stack, from("B"));
    stack.run();
    assert_eq!(stack.status(&name), Status::Failed);
    let id = RunId::new("w", name.clone());
    let asked = stack.host.drive(stack.protocol.request_redrive_from(&id, None, &from("B"))).unwrap();
    assert_eq!(asked, Requested::Done);
    stack.run();
    assert_eq!(stack.ending(&name).0, Some(json!({ "x": 1, "a": 0, "b": 1, "c": 1 })));
    check_history(&stack, &name);
}

#[test]
fn what_can_not_be_done_again() {
    let stack = failed();
    let running = stack.try_start("going", json!({})).unwrap();
    let Started::Created(going) = running else { panic!("{running:?}") };
    let ask = |id: RunId, choice| {
        let request = RerunRequest { id, name: None, token: None, choice };
        stack.host.drive(stack.protocol.rerun(request)).unwrap_err()
    };
    assert_eq!(ask(going.id, Choice::default()), RerunError::Running);
    assert_eq!(ask(RunId::new("w", "none"), Choice::default()), RerunError::NotFound);
    assert!(matches!(ask(id(), from("D")), RerunError::Unplaced(_)));
    let request = RerunRequest { id: id(), name: Some("a/b".to_owned()), token: None, choice: from("B") };
    assert!(matches!(stack.host.drive(stack.protocol.rerun(request)), Err(RerunError::Start(_))));
    // Large data have a place of their own, and are gone with the run.
    let large = Choice { input: Some(json!("y".repeat(100_000))), ..from("B") };
    let name = rerun_name(&stack, large);
    let item =
        stack.host.drive(stack.host.store().run(&RunId::new("w", name), stack.now_ms())).unwrap().unwrap();
    assert_eq!(item.begins_at.as_deref(), Some("B"));
}

#[test]
fn branches_that_go_on_see_the_input_of_the_run() {
    let mut definition = map();
    let each = &mut definition["States"]["Each"];
    each["ItemSelector"] = json!({ "item.$": "$$.Map.Item.Value", "of.$": "$$.Execution.Input.x" });
    let mut stack = stack(&definition);
    stack.step("first", |request| Ok(request.call.input));
    stack.step("work", |request| match request.call.input["item"] == 1 && request.run.redrive_count == 0 {
        true => Err(failure("Broken")),
        false => Ok(request.call.input["of"].clone()),
    });
    stack.start("run", json!({ "items": [0, 1, 2], "x": "whole" }));
    stack.run();
    redrive(&stack, &Choice::default());
    assert_eq!(stack.ending("run").0.unwrap()["each"], json!(["whole", "whole", "whole"]));
}

#[test]
fn a_rerun_takes_a_definition_that_no_redrive_could() {
    let stack = with_map(&map());
    let mut distributed = map();
    distributed["States"]["Each"]["ItemProcessor"]["ProcessorConfig"] =
        json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
    let hash = Some(stack.publish("w", &distributed).hash);
    let why = refused(&stack, &Choice { definition: hash.clone(), ..from("C") });
    assert!(why.contains("rerun the run instead"), "{why}");
    let name = rerun_name(
        &stack,
        Choice { definition: hash, set: vec![("$.well".to_owned(), json!(true))], ..from("C") },
    );
    stack.run();
    assert_eq!(stack.status(&name), Status::Succeeded);
}
