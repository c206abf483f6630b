fn main() -> std::process::ExitCode {
    stepladder_cli::main()
}
