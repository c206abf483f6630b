//! All codes of the command line and of the REST API.

use super::Page;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $explanation:literal, $next_step:literal;)*) => {
        /// The stable code of a kind of error: `SL10` the workspace and its programs, `SL11` what the user gave, `SL12`
        /// workflows and runs, `SL13` the stack, `SL14` the program itself, `SL15` requests to the REST API. Those of
        /// definitions, `SL00` to `SL09`, are `stepladder_asl`'s.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// What there is to say about it.
            pub fn page(self) -> Page {
                match self {
                    $(Code::$name => Page {
                        code: $code,
                        title: $title,
                        explanation: $explanation,
                        next_step: $next_step,
                    },)*
                }
            }
        }
    };
}

codes! {
    NoWorkspace = "SL1001", "there is no workspace here",
        "The command works on the workspace around the current folder, and found none, or cargo could not read its manifests.",
        "Change into a folder of the workspace. If there is one, `cargo metadata` says what is wrong with it.";
    CheckFailed = "SL1002", "definitions or programs do not fit together",
        "A definition has faults, or names a step that no program has, or something else that `stepladder check` looks at is \
         not as it should be.",
        "Correct what stands above the error. Each fault has a code of its own, which `stepladder explain` knows.";
    BuildFailed = "SL1003", "cargo build failed",
        "The functions could not be compiled. What cargo said stands above the error.",
        "Correct the code. `cargo build` in the workspace shows the same.";
    NotBuilt = "SL1004", "a program is not there",
        "A function's program is missing where cargo puts it: it was never built, or built with another profile.",
        "Leave out `--no-build`, or build it first with the profile that is asked for.";
    File = "SL1101", "a file can not be read or written",
        "The system refused a file: it isn't there, isn't a file, or may not be read or written by you. Also stdout counts, \
         when its disk is full.",
        "Look at the path in the message, and at its permissions.";
    InvalidInput = "SL1102", "an input is not what it should be",
        "What was given is no JSON, or has something that would not survive: a number beyond 64 bits, a member twice. Or \
         options ask for forms that exclude each other.",
        "The message names the place. `jq . FILE` finds what is no JSON.";
    InputTooLarge = "SL1103", "an input is too large",
        "A run takes 64 MiB unless its stack is set otherwise, and a start message 1 MiB.",
        "Put the data into S3, and hand its key to the run.";
    InvalidName = "SL1104", "a name is not allowed",
        "Names of runs and workflows have 1 to 80 characters, without white space, control characters and any of \
         < > { } [ ] ? * \" # % \\ ^ ~ ` $ & , ; : / or a vertical bar. AWS's rule is the same.",
        "Choose another name: letters, digits, `-` and `_` are always right.";
    InvalidId = "SL1105", "this is no id of a run",
        "A run is meant by `workflow/name`, by its name, or by the first letters of its name.",
        "Copy one from `stepladder run list`.";
    InvalidOrders = "SL1106", "orders could not be sent",
        "Some lines of an orders file are no JSON, or more than a start message holds; or the file has no line at all.",
        "The message names the lines. Each line is one JSON value.";
    InvalidMock = "SL1107", "a file of mocked answers can not be used",
        "It is no JSON, has members that nobody knows, or gives an answer of a shape that no task has.",
        "docs/testing.md shows the form. `stepladder try --sketch` writes one to begin with.";
    NoMock = "SL1108", "a task has no mocked answer",
        "The workflow was tried in memory, where no step runs, and called a task of which nothing says what it answers.",
        "Add an answer for the state to the file of mocks; the error shows what to add.";
    InvalidOption = "SL1109", "options do not fit together",
        "An option excludes another one, lacks one that it needs, or does not fit the file that was named.",
        "`stepladder <command> --help` tells of each option what it goes with.";
    InvalidProfile = "SL1110", "stepladder.toml can not be used",
        "The file is no TOML, or has a table or a key that nobody knows.",
        "The message names the line. docs/deploying.md shows the form.";
    UnknownEnv = "SL1111", "stepladder.toml has no such environment",
        "`--env` names a table `[env.NAME]` of `stepladder.toml`, and there is none of that name.",
        "Correct the name, or add the table.";
    NotConfirmed = "SL1112", "nobody has said yes",
        "The command changes or deletes something and asks before it does. It was answered by no, or there was no terminal to ask.",
        "Look at the plan above, and repeat the command with `--yes` if it is meant.";
    InvalidHistory = "SL1113", "a file is no recorded run",
        "It is not what `stepladder run history -o jsonl` writes, or not the whole of it: the message names the line.",
        "Write the file again from the run.";
    UnknownCode = "SL1114", "there is no such code",
        "`stepladder explain` was asked for a code that no error of this version has.",
        "`stepladder explain` without a code lists all of them. A newer version may know it.";
    InvalidQuery = "SL1115", "a query can not be asked",
        "A query is terms like `status=failed` with blanks between them. One of them is no term, has a key that nobody knows or a value          that it does not take, or no run can fit all of them.",
        "The message says which keys there are: the general ones, and the search attributes of the workflows. docs/operating.md tells of each.";
    UnknownWorkflow = "SL1201", "there is no such workflow",
        "The stack has no workflow of that name, or the workspace has no definition of it.",
        "`stepladder deploy-definition` adds one to a stack. Mind which stack is meant: `stepladder doctor` tells.";
    NoSuchRun = "SL1202", "there is no such run",
        "The stack has no run of that id. Runs that have ended are kept for 30 days, unless the stack is set otherwise.",
        "`stepladder run list` shows the newest ones. Mind which stack is meant: `stepladder doctor` tells.";
    AmbiguousRun = "SL1203", "several runs are meant",
        "The first letters of a name fit more than one run, or two workflows have a run of that name.",
        "Type more of it, or `workflow/name`.";
    NameTaken = "SL1204", "the name belongs to another run",
        "A run of that name was started with another input. With the same input a start may be repeated: then it is the same run.",
        "Choose another name, or leave it out to get one that nobody has.";
    WrongStatus = "SL1205", "the run has another status",
        "What was asked for needs a run that is still going, or one that has ended, and this one is not.",
        "Look at the run: it may have ended in the meantime.";
    RunFailed = "SL1206", "the run did not succeed",
        "The command waited for a run, which ended FAILED, TIMED_OUT or ABORTED. This is the run's own answer, and no fault of \
         the command.",
        "`stepladder run show` tells the state and the cause, `stepladder run history` all that led there.";
    UnexpectedEnds = "SL1207", "runs ended otherwise than expected",
        "Orders were sent whose ends were known, and some ended in another way.",
        "The report above names them; `stepladder run show` tells of each why.";
    GaveUpWaiting = "SL1208", "the time to wait was over",
        "`--timeout` passed before the command was done. What it waited for goes on without it.",
        "Wait longer, or look at the run later.";
    NoSuchMessage = "SL1209", "there is no such message",
        "No message of the queue has that id, or several begin with it. Somebody may have sent it back, or holds it at the moment.",
        "`stepladder dead-letter list` shows those that are there; after a look of somebody else try again in a minute.";
    NotSendable = "SL1210", "a message can not be sent back",
        "It was too large to be kept whole, or does not tell the queue that it was in.",
        "Name a queue by `--to`, or start its run again.";
    Diverged = "SL1211", "a recorded run goes another way today",
        "The engine, or the definition that was given, leads elsewhere than it did when the run was recorded: the first record of which that is so is shown.",
        "Where the definition was changed on purpose, record a run of the new one; else it is a fault of this version, and worth a report.";
    NotSo = "SL1212", "the run can not go on so",
        "A run goes on from a state that it has entered, or that is told what it gets, by a definition that has this state. The message says which of it is not so.",
        "`stepladder run history` shows which states were entered; the message lists those that the definition has.";
    TooManyPaused = "SL1215", "too much is paused",
        "Workflows and runs are paused one by one, and a stack remembers at most 500 of them.",
        "Resume some first, or pause whole workflows instead of their runs: `stepladder workflow pause`.";
    NoStack = "SL1301", "nothing says which stack is meant",
        "There is no `stepladder dev` running in this workspace, and neither `--env`, `--endpoint` nor STEPLADDER_STACK names a stack.",
        "Start `stepladder dev`, or name the stack.";
    Unreachable = "SL1302", "the stack can not be reached, or has too much to do",
        "There is no connection to the stack's services, they answered that they are throttling, or they failed for a moment. \
         Nothing says that what was asked for has not taken effect: to repeat it is safe.",
        "Try the same again in a moment. If it stays, look at the endpoint and the region.";
    NotAllowed = "SL1303", "the credentials do not allow it",
        "There are no credentials, they have expired, or their policies lack an action that is needed.",
        "`aws sts get-caller-identity` shows who you are, and `stepladder doctor` what is missing.";
    StackFailed = "SL1304", "the stack answered with an error",
        "The stack is there and refused, something that belongs to it is missing, or what it holds can not be read: damaged, or \
         written by a newer version.",
        "The message has the answer. `stepladder doctor` compares the stack with what it should be.";
    PortInUse = "SL1305", "the port is in use",
        "Another program listens on the port that `stepladder dev` wants, likely another `stepladder dev`.",
        "End it, or choose another port: `--port 0` takes any that is free.";
    LocalServer = "SL1306", "the server on this machine failed",
        "What `stepladder dev` runs could not be set up: its data folder is in use, or a function could not be made.",
        "The message says why. Another `--data-dir`, or none, shows whether the folder is the cause.";
    Unwell = "SL1307", "a stack is not as it should be",
        "`stepladder doctor` found something that keeps runs from going on, or will.",
        "Each finding above has its own remedy.";
    Interrupted = "SL1401", "the command was interrupted",
        "Somebody pressed Ctrl-C, or whoever read the output went away.",
        "To repeat a command is safe: what it had begun is taken up again.";
    Bug = "SL1402", "stepladder has a bug",
        "The program came to a place that it should never come to.",
        "Please report it with the command that you typed and the output of `stepladder version -o json`.";
    NoSuchPath = "SL1501", "the REST API has no such path",
        "No route of `/api/v1` has the path of the request. Names in a path are percent-encoded, part by part.",
        "`/api/v1/openapi.json` lists all routes.";
    WrongMethod = "SL1502", "the path has another method",
        "The path is there, and answers another method than the request's. The header Allow names it.",
        "Use that method. What changes something is a POST, all else a GET.";
    InvalidParameter = "SL1503", "a parameter of the request is wrong",
        "A parameter is not known to the path, stands twice, or has a value that it does not take.",
        "The detail names the parameter and what it takes, and `/api/v1/openapi.json` all of them.";
    InvalidCursor = "SL1504", "the cursor leads nowhere",
        "A cursor is good for a day, for the same path and the same other parameters, and on the server that gave it. That of a \
         history also ends when the run, still going, has meanwhile recorded something that belongs among what was shown.",
        "Begin again without a cursor.";
    InvalidBody = "SL1505", "the body of the request is wrong",
        "It is no JSON object, or a member has a value of the wrong type or length.",
        "The detail names the member.";
    WrongMediaType = "SL1506", "the body has another type than JSON",
        "A request that changes something says `Content-Type: application/json`: a page of another origin can not send that \
         without having asked.",
        "Set the header.";
    BodyTooLarge = "SL1507", "the body of the request is too large",
        "The API reads 1 MiB of a request at most.",
        "Send less. Large data belongs into S3.";
    BodyTooSlow = "SL1508", "the body of the request did not arrive",
        "The API waits 20 seconds for a body.",
        "Send it again, on a better connection.";
    NoQueues = "SL1509", "this server does not look into queues",
        "Whoever serves the API has given it no access to the stack's queues.",
        "Use `stepladder dead-letter list`, or a server that has it.";
    TooManyWorkflows = "SL1510", "the stack has too many workflows for one list",
        "Runs of all workflows are merged from a list of each, which is done for 50 of them at most.",
        "Name one: `?workflow=NAME`.";
    OtherOrigin = "SL1511", "a page of another origin has asked",
        "The browser says that a page of another origin made the request. The API answers its own pages, and programs that are \
         no browser.",
        "Ask from a page of the same origin, or from a program.";
}
